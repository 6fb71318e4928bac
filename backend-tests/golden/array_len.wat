;; The length is a word of the object.
(module
  (type $bytes (array (mut i8)))
  (func (param (ref $bytes)) (result i32) (array.len (local.get 0))))
