;; A function of the module is called by its distance.
(module
  (type $t (func (param i32) (result i32)))
  (func $f (type $t) local.get 0 call $f))
