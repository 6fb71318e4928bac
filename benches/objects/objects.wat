;; Objects of the collected heap: see docs/results/objects.md. Each export takes how often it does what it does.
(module
  (type $node (struct (field $left (ref null $node)) (field $right (ref null $node))))
  (type $shape (sub (struct (field i32))))
  (type $square (sub $shape (struct (field i32) (field i32))))

  (func $make (param $depth i32) (result (ref $node))
    (if (result (ref $node)) (i32.eqz (local.get $depth))
      (then (struct.new_default $node))
      (else
        (struct.new $node
          (call $make (i32.sub (local.get $depth) (i32.const 1)))
          (call $make (i32.sub (local.get $depth) (i32.const 1)))))))

  (func $count (param $node (ref null $node)) (result i32)
    (if (result i32) (ref.is_null (local.get $node))
      (then (i32.const 0))
      (else
        (i32.add (i32.const 1)
          (i32.add
            (call $count (struct.get $node $left (local.get $node)))
            (call $count (struct.get $node $right (local.get $node))))))))

  ;; Trees of depth 16, each garbage when its 131,071 nodes were counted.
  (func (export "trees") (param $times i32) (result i32)
    (local $sum i32)
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (call $count (call $make (i32.const 16)))))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (local.get $sum))

  ;; Objects of 16 bytes, of which only the last is kept.
  (func (export "alloc") (param $times i32) (result i32)
    (local $last (ref null $square))
    (loop $again
      (local.set $last (struct.new $square (local.get $times) (i32.const 7)))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (struct.get $square 1 (local.get $last)))

  ;; Casts of two types in turns to one that is not final.
  (func (export "casts") (param $times i32) (result i32)
    (local $a (ref $shape)) (local $b (ref $shape)) (local $swap (ref $shape)) (local $sum i32)
    (local.set $a (struct.new $shape (i32.const 1)))
    (local.set $b (struct.new $square (i32.const 2) (i32.const 3)))
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (ref.test (ref $square) (local.get $a))))
      (local.set $swap (local.get $a))
      (local.set $a (local.get $b))
      (local.set $b (local.get $swap))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (local.get $sum)))
