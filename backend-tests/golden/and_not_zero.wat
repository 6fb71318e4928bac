;; A mask that is compared with zero needs no copy of the operand.
(module
  (func (param i32) (result i32) local.get 0 i32.const 3 i32.and i32.eqz))
