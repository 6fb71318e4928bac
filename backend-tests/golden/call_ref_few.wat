;; A reference of a type that few functions have is compared with those to them, which are called directly.
(module
  (type $object (struct))
  (type $t (func (param i32) (result i32)))
  (elem declare func $one $two)
  (func $one (type $t) block (result i32) local.get 0 end)
  (func $two (type $t) block (result i32) i32.const 2 end)
  (func (param i32 (ref $t)) (result i32) local.get 0 local.get 1 call_ref $t))
