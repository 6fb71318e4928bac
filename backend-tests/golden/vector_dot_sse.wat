;; Without AVX, too: two operands, one of them the result.
(module
  (func (param v128 v128) (result v128) local.get 0 local.get 1 i32x4.dot_i16x8_s))
