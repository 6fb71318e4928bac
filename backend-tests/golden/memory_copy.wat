;; Source and destination are checked before a byte moves.
(module
  (memory 1)
  (func (param i32 i32 i32) local.get 0 local.get 1 local.get 2 memory.copy))
