;; A test of each object of an array.
(module
  (type $base (sub (struct)))
  (type $s (sub $base (struct (field i32))))
  (type $a (array (ref null $base)))
  (func (param (ref $a) i32) (result i32) (local $sum i32)
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (ref.test (ref $s) (array.get $a (local.get 0) (local.get 1)))))
      (br_if $again (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
    (local.get $sum)))
