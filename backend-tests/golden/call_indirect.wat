;; An element is within the table, not null and of the type, each with a trap of its own.
(module
  (type $t (func (param i32) (result i32)))
  (table $growing 10 funcref)
  (func (param i32 i32) (result i32) local.get 0 local.get 1 call_indirect $growing (type $t)))
