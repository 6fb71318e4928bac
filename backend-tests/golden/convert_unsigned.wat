;; An unsigned integer of 32 bits is a signed one of 64.
(module
  (func (param i32) (result f64) local.get 0 f64.convert_i32_u))
