;; A constant global is its value.
(module
  (global $c i64 (i64.const 1234567890123))
  (func (result i64) global.get $c))
