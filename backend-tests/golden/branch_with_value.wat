;; A value goes along with a branch that may not be taken.
(module
  (func (param i32 i32) (result i32) local.get 0 local.get 1 br_if 0))
