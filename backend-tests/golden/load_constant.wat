;; An address that is known and within the minimum needs no check.
(module
  (memory 1)
  (func (result i32) i32.const 16 i32.load))
