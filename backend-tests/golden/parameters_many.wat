;; Parameters beyond the registers come by the stack.
(module
  (func (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32) local.get 0 local.get 9 i32.add))
