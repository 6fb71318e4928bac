;; A local that one arm changes.
(module
  (func (param i32) (result i32) local.get 0 i32.const 3 i32.and i32.eqz if local.get 0 i32.const 1 i32.shl local.set 0 end local.get 0))
