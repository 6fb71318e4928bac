;; A test of a whole vector.
(module
  (func (param v128) (result i32) local.get 0 v128.any_true))
