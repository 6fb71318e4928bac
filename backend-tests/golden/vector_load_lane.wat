;; One lane is loaded, the others stay.
(module
  (memory 1)
  (func (param i32 v128) (result v128) local.get 0 local.get 1 v128.load32_lane 2))
