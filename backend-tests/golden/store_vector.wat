;; A vector needs no alignment.
(module
  (memory 1)
  (func (param i32 v128) local.get 0 local.get 1 v128.store offset=16))
