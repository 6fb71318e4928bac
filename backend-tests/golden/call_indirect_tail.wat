;; A tail call through a table.
(module
  (type $t (func (param i32) (result i32)))
  (table $fixed 10 10 funcref)
  (func (param i32 i32) (result i32) local.get 0 local.get 1 return_call_indirect $fixed (type $t)))
