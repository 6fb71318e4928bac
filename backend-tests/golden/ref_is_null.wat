;; A null reference is zero.
(module
  (func (param externref) (result i32) local.get 0 ref.is_null))
