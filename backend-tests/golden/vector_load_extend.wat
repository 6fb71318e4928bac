;; Lanes are extended as they are loaded.
(module
  (memory 1)
  (func (param i32) (result v128) local.get 0 v128.load16x4_s))
