;; What nothing reaches makes no code.
(module
  (func (result i32) i32.const 1 return i32.const 2 i32.const 3 i32.div_s drop))
