;; Null has a trap of its own.
(module
  (type $t (func))
  (func (param (ref null $t)) (result (ref $t)) local.get 0 ref.as_non_null))
