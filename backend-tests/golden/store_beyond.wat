;; An offset beyond the guard region is compared, and no sum wraps around.
(module
  (memory 1)
  (func (param i32 i32) local.get 0 local.get 1 i32.store offset=0x3000000))
