;; An unsigned integer of 64 bits has no instruction.
(module
  (func (param i64) (result f64) local.get 0 f64.convert_i64_u))
