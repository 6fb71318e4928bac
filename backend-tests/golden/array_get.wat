;; The length is compared before the element is read.
(module
  (type $bytes (array (mut i8)))
  (func (param (ref null $bytes) i32) (result i32) (array.get_u $bytes (local.get 0) (local.get 1))))
