;; A shuffle by constant indices.
(module
  (func (param v128 v128) (result v128) local.get 0 local.get 1 i8x16.shuffle 0 16 1 17 2 18 3 19 4 20 5 21 6 22 7 23))
