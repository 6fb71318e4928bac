;; The only function of a type is so short that it is put in the place of the call, and called where it would trap.
(module
  (type $object (struct (field $n i32)))
  (type $t (func (param (ref null $object) i32) (result i32)))
  (elem declare func $one)
  (func $one (type $t) (i32.add (struct.get $object $n (local.get 0)) (local.get 1)))
  (func (param (ref null $object) i32 (ref $t)) (result i32) (call_ref $t (local.get 0) (local.get 1) (local.get 2))))
