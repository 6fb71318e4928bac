;; A comparison that feeds a branch makes no value.
(module
  (func (param i32 i32) local.get 0 local.get 1 i32.lt_s if unreachable end))
