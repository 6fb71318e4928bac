;; A global of the module lies in the context.
(module
  (global $a (mut i32) (i32.const 0))
  (global $b (mut i32) (i32.const 0))
  (func (result i32) global.get $a i32.const 1 global.set $b global.get $a i32.add))
