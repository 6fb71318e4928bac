;; Two fields behind a reference that may be null, and a third where it was compared with null: it is looked at once.
(module
  (type $s (struct (field $a i32) (field $b i32)))
  (func (param (ref null $s)) (result i32)
    (i32.add (struct.get $s $a (local.get 0)) (struct.get $s $b (local.get 0))))
  (func (param (ref null $s)) (result i32)
    (if (result i32) (ref.is_null (local.get 0)) (then (i32.const 0)) (else (struct.get $s $a (local.get 0))))))
