;; A comparison that is a value is zero or one.
(module
  (func (param i64 i64) (result i32) local.get 0 local.get 1 i64.gt_u))
