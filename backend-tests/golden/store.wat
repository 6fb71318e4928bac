;; A store of a constant.
(module
  (memory 1)
  (func (param i32) local.get 0 i32.const 5 i32.store))
