;; Lanes that do not fit saturate, the upper ones are zero.
(module
  (func (param v128) (result v128) local.get 0 i32x4.trunc_sat_f64x2_s_zero))
