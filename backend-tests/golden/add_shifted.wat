;; A sum with a shifted operand is an address, or two instructions without a branch.
(module
  (func (param i32 i32) (result i32) local.get 0 local.get 1 i32.const 2 i32.shl i32.add))
