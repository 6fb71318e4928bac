;; A number of 32 bits becomes one of 64.
(module
  (func (param f32) (result f64) local.get 0 f64.promote_f32))
