;; An imported global lies behind a pointer, and two of them may be one.
(module
  (import "m" "a" (global $a (mut i32)))
  (import "m" "b" (global $b (mut i32)))
  (func (result i32) global.get $a i32.const 1 global.set $b global.get $a i32.add))
