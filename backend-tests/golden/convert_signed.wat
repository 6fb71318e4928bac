;; An integer of 64 bits becomes a number of 32.
(module
  (func (param i64) (result f32) local.get 0 f32.convert_i64_s))
