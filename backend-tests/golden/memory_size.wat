;; The size in pages is that in bytes, shifted.
(module
  (memory 1)
  (func (result i32) memory.size))
