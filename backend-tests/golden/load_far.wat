;; An offset beyond the guard region is checked.
(module
  (memory 1)
  (func (param i32) (result i32) local.get 0 i32.load offset=0xffffffff))
