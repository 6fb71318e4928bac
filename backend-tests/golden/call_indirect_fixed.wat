;; The length of a table that cannot grow is a constant.
(module
  (type $t (func (param i32) (result i32)))
  (table $fixed 10 10 funcref)
  (func (param i32 i32) (result i32) local.get 0 local.get 1 call_indirect $fixed (type $t)))
