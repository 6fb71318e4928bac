;; A sign is extended from 32 bits.
(module
  (func (param i32) (result i64) local.get 0 i64.extend_i32_s))
