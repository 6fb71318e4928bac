;; A narrow store to a 64-bit memory.
(module
  (memory i64 1)
  (func (param i64 i32) local.get 0 local.get 1 i32.store8))
