;; An import is called by an address and gets a context of its own.
(module
  (type $t (func (param i32) (result i32)))
  (import "m" "f" (func $imported (type $t)))
  (func (type $t) local.get 0 call $imported))
