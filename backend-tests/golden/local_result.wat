;; A result goes straight to the register of its local, and one that nobody reads costs nothing.
(module
  (memory 1)
  (func (param i32 i32) (local i32) local.get 0 local.get 1 i32.sub local.set 2 local.get 2 local.get 0 i32.store))
