;; One lane becomes all.
(module
  (func (param i32) (result v128) local.get 0 i8x16.splat))
