;; A store that another overwrites is done all the same: the second may trap.
(module
  (memory 1)
  (func (param i32 i32) local.get 0 i32.const 1 i32.store local.get 1 i32.const 2 i32.store))
