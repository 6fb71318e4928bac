;; A return from within blocks.
(module
  (func (param i32) (result i32) block block local.get 0 br_if 1 i32.const 1 return end end i32.const 2))
