;; An element that is a reference.
(module
  (type $refs (array (mut eqref)))
  (func (param (ref $refs) i32 eqref) (array.set $refs (local.get 0) (local.get 1) (local.get 2))))
