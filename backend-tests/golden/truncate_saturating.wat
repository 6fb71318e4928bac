;; What does not fit becomes the nearest number that does, NaN zero.
(module
  (func (param f32) (result i64) local.get 0 i64.trunc_sat_f32_u))
