;; A local begins as zero.
(module
  (func (result i64) (local i64) local.get 0))
