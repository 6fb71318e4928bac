;; The check of a 64-bit address does not wrap around, and a wrong guess of the processor's reads nothing.
(module
  (memory i64 1)
  (func (param i64) (result i64) local.get 0 i64.load offset=8))
