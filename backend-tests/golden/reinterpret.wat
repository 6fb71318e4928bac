;; Bits move between files of registers.
(module
  (func (param f64) (result i64) local.get 0 i64.reinterpret_f64))
