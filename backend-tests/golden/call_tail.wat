;; A tail call leaves no frame.
(module
  (type $t (func (param i32) (result i32)))
  (func $f (type $t) local.get 0 return_call $f))
