;; The remainder by minus one is zero and no overflow.
(module
  (func (param i32 i32) (result i32) local.get 0 local.get 1 i32.rem_s))
