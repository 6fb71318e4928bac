;; A branch if there is nothing.
(module
  (type $t (func))
  (func (param (ref null $t)) block local.get 0 br_on_null 0 drop end))
