;; The lower half of a register is there already.
(module
  (func (param i64) (result i32) local.get 0 i32.wrap_i64))
