;; What docs/results/objects.md has bars for. Each export takes how often it does what it does.
(module
  (type $node (struct (field $left (ref null $node)) (field $right (ref null $node))))

  (func $make (param $depth i32) (result (ref $node))
    (if (result (ref $node)) (i32.eqz (local.get $depth))
      (then (struct.new_default $node))
      (else
        (struct.new $node
          (call $make (i32.sub (local.get $depth) (i32.const 1)))
          (call $make (i32.sub (local.get $depth) (i32.const 1)))))))

  (func $count (param $node (ref $node)) (result i32)
    (local $left (ref null $node))
    (if (result i32) (ref.is_null (local.tee $left (struct.get $node $left (local.get $node))))
      (then (i32.const 1))
      (else
        (i32.add (i32.const 1)
          (i32.add
            (call $count (ref.as_non_null (local.get $left)))
            (call $count (ref.as_non_null (struct.get $node $right (local.get $node)))))))))

  ;; The benchmark "binary trees" for 16: one tree that lives on, and about 65,536 nodes' worth of trees of each even depth from 4 to 16.
  (func (export "trees") (param $times i32) (result i32)
    (local $long (ref $node)) (local $depth i32) (local $left i32) (local $sum i32)
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (call $count (call $make (i32.const 17)))))
      (local.set $long (call $make (i32.const 16)))
      (local.set $depth (i32.const 4))
      (loop $deeper
        (local.set $left (i32.shl (i32.const 1) (i32.sub (i32.const 20) (local.get $depth))))
        (loop $one
          (local.set $sum (i32.add (local.get $sum) (call $count (call $make (local.get $depth)))))
          (br_if $one (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
        (br_if $deeper (i32.le_u (local.tee $depth (i32.add (local.get $depth) (i32.const 2))) (i32.const 16))))
      (local.set $sum (i32.add (local.get $sum) (call $count (local.get $long))))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (local.get $sum))

  (rec
    (type $base (sub (struct (field $method (ref $method)))))
    (type $method (func (param (ref $base) i32) (result i32))))
  (type $plus (sub $base (struct (field (ref $method)) (field $own i32))))
  (type $times (sub $plus (struct (field (ref $method)) (field i32) (field $more i32))))
  (type $shapes (array (mut (ref null $base))))
  (elem declare func $add $xor)
  (global $kept (mut (ref null $plus)) (ref.null $plus))
  (global $adds (ref $method) (ref.func $add))

  (func $add (type $method) (i32.add (local.get 1) (struct.get $plus $own (ref.cast (ref $plus) (local.get 0)))))
  (func $xor (type $method) (i32.xor (local.get 1) (struct.get $times $more (ref.cast (ref $times) (local.get 0)))))

  ;; An object is made, stored where others see it, and read.
  (func (export "store") (param $times i32) (result i32) (local $sum i32)
    (loop $again
      (global.set $kept (struct.new $plus (global.get $adds) (local.get $times)))
      (local.set $sum (i32.add (local.get $sum) (struct.get $plus $own (global.get $kept))))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (local.get $sum))

  ;; The same with a reference to a function that is made each time, as closures do.
  (func (export "closures") (param $times i32) (result i32) (local $sum i32)
    (loop $again
      (global.set $kept (struct.new $plus (ref.func $add) (local.get $times)))
      (local.set $sum (i32.add (local.get $sum) (struct.get $plus $own (global.get $kept))))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (local.get $sum))

  ;; 1,024 objects of two classes: four of one, four of the other.
  (func $shapes (result (ref $shapes))
    (local $shapes (ref $shapes)) (local $i i32)
    (local.set $shapes (array.new_default $shapes (i32.const 1024)))
    (loop $fill
      (array.set $shapes (local.get $shapes) (local.get $i)
        (if (result (ref $base)) (i32.and (local.get $i) (i32.const 4))
          (then (struct.new $plus (ref.func $add) (local.get $i)))
          (else (struct.new $times (ref.func $xor) (local.get $i) (i32.const 3)))))
      (br_if $fill (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1024))))
    (local.get $shapes))

  ;; A method found by an object, which casts it.
  (func (export "virtual") (param $times i32) (result i32)
    (local $shapes (ref $shapes)) (local $object (ref $base)) (local $sum i32)
    (local.set $shapes (call $shapes))
    (loop $again
      (local.set $object
        (ref.as_non_null (array.get $shapes (local.get $shapes) (i32.and (local.get $times) (i32.const 1023)))))
      (local.set $sum
        (call_ref $method (local.get $object) (local.get $sum) (struct.get $base $method (local.get $object))))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (local.get $sum))

  ;; A test that half of the objects pass.
  (func (export "tests") (param $times i32) (result i32)
    (local $shapes (ref $shapes)) (local $sum i32)
    (local.set $shapes (call $shapes))
    (loop $again
      (local.set $sum (i32.add (local.get $sum)
        (ref.test (ref $times) (array.get $shapes (local.get $shapes) (i32.and (local.get $times) (i32.const 1023))))))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (local.get $sum))

  ;; Calls: of a function, by a reference that stays the same, by two in turns.
  (type $unary (func (param i32) (result i32)))
  (elem declare func $one $two)
  (func $one (type $unary) (i32.add (local.get 0) (i32.const 1)))
  (func $two (type $unary) (i32.add (local.get 0) (i32.const 2)))

  (func (export "direct") (param $times i32) (result i32) (local $sum i32)
    (loop $again
      (local.set $sum (call $one (local.get $sum)))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (local.get $sum))

  (func $by_reference (param $a (ref $unary)) (param $b (ref $unary)) (param $times i32) (result i32)
    (local $swap (ref $unary)) (local $sum i32)
    (loop $again
      (local.set $sum (call_ref $unary (local.get $sum) (local.get $a)))
      (local.set $swap (local.get $a))
      (local.set $a (local.get $b))
      (local.set $b (local.get $swap))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (local.get $sum))

  (func (export "same") (param $times i32) (result i32)
    (call $by_reference (ref.func $one) (ref.func $one) (local.get $times)))

  (func (export "turns") (param $times i32) (result i32)
    (call $by_reference (ref.func $one) (ref.func $two) (local.get $times)))

  ;; A list of 1,000 nodes, walked a thousand nodes at a time.
  (func (export "list") (param $times i32) (result i32)
    (local $first (ref null $node)) (local $node (ref null $node)) (local $i i32) (local $sum i32)
    (loop $make
      (local.set $first (struct.new $node (local.get $first) (ref.null $node)))
      (br_if $make (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000))))
    (loop $again
      (local.set $node (local.get $first))
      (loop $walk
        (local.set $sum (i32.add (local.get $sum) (i32.const 1)))
        (br_if $walk
          (i32.eqz (ref.is_null (local.tee $node (struct.get $node $left (local.get $node)))))))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (local.get $sum))

  ;; The sum of an array of 65,536 bytes.
  (type $bytes (array (mut i8)))
  (func (export "sum") (param $times i32) (result i32)
    (local $bytes (ref $bytes)) (local $i i32) (local $sum i32)
    (local.set $bytes (array.new $bytes (i32.const 1) (i32.const 65536)))
    (loop $again
      (local.set $i (i32.const 0))
      (loop $add
        (local.set $sum (i32.add (local.get $sum) (array.get_u $bytes (local.get $bytes) (local.get $i))))
        (br_if $add (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 65536))))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (local.get $sum)))
