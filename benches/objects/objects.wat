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
    (local.get $sum))

  ;; Objects that know their functions, as classes do: two of them in turns.
  (rec
    (type $table (struct (field $area (ref $method))))
    (type $method (func (param (ref $class)) (result i32)))
    (type $class (sub (struct (field $table (ref $table)) (field $size (mut i32))))))
  (elem declare func $plain $double)
  (func $plain (type $method) (struct.get $class $size (local.get 0)))
  (func $double (type $method) (i32.shl (struct.get $class $size (local.get 0)) (i32.const 1)))

  (func (export "methods") (param $times i32) (result i32)
    (local $a (ref $class)) (local $b (ref $class)) (local $swap (ref $class)) (local $sum i32)
    (local.set $a (struct.new $class (struct.new $table (ref.func $plain)) (i32.const 1)))
    (local.set $b (struct.new $class (struct.new $table (ref.func $double)) (i32.const 2)))
    (loop $again
      (local.set $sum (i32.add (local.get $sum)
        (call_ref $method (local.get $a) (struct.get $table $area (struct.get $class $table (local.get $a))))))
      (local.set $swap (local.get $a))
      (local.set $a (local.get $b))
      (local.set $b (local.get $swap))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (local.get $sum))

  ;; A builder of texts that doubles its room: a thousand times ten bytes, then the sum of the bytes.
  (type $text (array (mut i8)))
  (global $word (ref $text) (array.new_fixed $text 10 (i32.const 48) (i32.const 49) (i32.const 50) (i32.const 51)
    (i32.const 52) (i32.const 53) (i32.const 54) (i32.const 55) (i32.const 56) (i32.const 57)))

  (func $build (result i32)
    (local $text (ref $text)) (local $grown (ref $text)) (local $len i32) (local $sum i32)
    (local.set $text (array.new_default $text (i32.const 16)))
    (loop $append
      (if (i32.gt_u (i32.add (local.get $len) (i32.const 10)) (array.len (local.get $text)))
        (then
          (local.set $grown (array.new_default $text (i32.shl (array.len (local.get $text)) (i32.const 1))))
          (array.copy $text $text (local.get $grown) (i32.const 0) (local.get $text) (i32.const 0) (local.get $len))
          (local.set $text (local.get $grown))))
      (array.copy $text $text (local.get $text) (local.get $len) (global.get $word) (i32.const 0) (i32.const 10))
      (br_if $append (i32.lt_u (local.tee $len (i32.add (local.get $len) (i32.const 10))) (i32.const 10000))))
    (loop $read
      (local.set $len (i32.sub (local.get $len) (i32.const 1)))
      (local.set $sum (i32.add (local.get $sum) (array.get_u $text (local.get $text) (local.get $len))))
      (br_if $read (local.get $len)))
    (local.get $sum))

  (func (export "texts") (param $times i32) (result i32)
    (local $sum i32)
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (call $build)))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (local.get $sum))

  ;; Tasks in a ring that pass packets on, as an operating system's scheduler does: lists, dispatch by object, queues that grow and shrink.
  (rec
    (type $packet (struct (field $next (mut (ref null $packet))) (field $hops (mut i32))))
    (type $work (func (param (ref $task) (ref $packet)) (result i32)))
    (type $task (sub (struct (field $work (ref $work)) (field $following (mut (ref null $task)))
      (field $queue (mut (ref null $packet))) (field $done (mut i32))))))
  (type $counter (sub $task (struct (field $work (ref $work)) (field $following (mut (ref null $task)))
    (field $queue (mut (ref null $packet))) (field $done (mut i32)) (field $count (mut i64)))))
  (elem declare func $forward $count_one)

  ;; Gives a packet to the task behind, or drops it at its end.
  (func $forward (type $work)
    (local $to (ref null $task))
    (local.set $to (struct.get $task $following (local.get 0)))
    (struct.set $packet $hops (local.get 1) (i32.sub (struct.get $packet $hops (local.get 1)) (i32.const 1)))
    (if (i32.eqz (struct.get $packet $hops (local.get 1))) (then (return (i32.const 1))))
    (struct.set $packet $next (local.get 1) (struct.get $task $queue (local.get $to)))
    (struct.set $task $queue (local.get $to) (local.get 1))
    (i32.const 0))

  ;; Replaces a packet by a new one.
  (func $count_one (type $work)
    (local $own (ref $counter))
    (local.set $own (ref.cast (ref $counter) (local.get 0)))
    (struct.set $counter $count (local.get $own) (i64.add (struct.get $counter $count (local.get $own)) (i64.const 1)))
    (call $forward (local.get 0) (struct.new $packet (ref.null $packet) (struct.get $packet $hops (local.get 1)))))

  ;; Takes a packet from a queue.
  (func $take (param $task (ref $task)) (result (ref null $packet))
    (local $packet (ref null $packet))
    (local.set $packet (struct.get $task $queue (local.get $task)))
    (if (ref.is_null (local.get $packet)) (then (return (ref.null $packet))))
    (struct.set $task $queue (local.get $task) (struct.get $packet $next (local.get $packet)))
    (local.get $packet))

  ;; Eight tasks, a packet for each with a hundred hops: 800 steps.
  (func $ring (result i32)
    (local $first (ref null $task)) (local $last (ref null $task)) (local $task (ref null $task)) (local $i i32)
    (local $packet (ref null $packet)) (local $sum i32) (local $left i32)
    (loop $make
      (local.set $task
        (if (result (ref $task)) (i32.and (local.get $i) (i32.const 1))
          (then (struct.new $counter (ref.func $count_one) (local.get $last)
            (struct.new $packet (ref.null $packet) (i32.const 100)) (i32.const 0) (i64.const 0)))
          (else (struct.new $task (ref.func $forward) (local.get $last)
            (struct.new $packet (ref.null $packet) (i32.const 100)) (i32.const 0)))))
      (if (ref.is_null (local.get $first)) (then (local.set $first (local.get $task))))
      (local.set $last (local.get $task))
      (br_if $make (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 8))))
    (struct.set $task $following (local.get $first) (local.get $last))
    (local.set $left (i32.const 8))
    (loop $step
      (local.set $packet (call $take (ref.as_non_null (local.get $task))))
      (if (i32.eqz (ref.is_null (local.get $packet)))
        (then
          (local.set $sum (i32.add (local.get $sum) (i32.const 1)))
          (local.set $left (i32.sub (local.get $left)
            (call_ref $work (ref.as_non_null (local.get $task)) (ref.as_non_null (local.get $packet))
              (struct.get $task $work (local.get $task)))))))
      (local.set $task (struct.get $task $following (local.get $task)))
      (br_if $step (local.get $left)))
    (local.get $sum))

  (func (export "tasks") (param $times i32) (result i32)
    (local $sum i32)
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (call $ring)))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (local.get $sum)))
