;; Exceptions: see docs/results/objects.md. Each export takes how often it does what it does; `frames` and `cleanups` have ten frames between, `plain` and `guarded` throw nothing.
(module
  (tag $t (param i32))

  (func $throw (param $value i32) (throw $t (local.get $value)))

  ;; So many frames deep; the addition keeps them from being tail calls.
  (func $deep (param $depth i32) (param $value i32) (result i32)
    (if (i32.eqz (local.get $depth)) (then (throw $t (local.get $value))))
    (i32.add (i32.const 1) (call $deep (i32.sub (local.get $depth) (i32.const 1)) (local.get $value))))

  ;; The same, where each frame cleans up, as destructors do.
  (global $cleaned (mut i32) (i32.const 0))
  (func $cleaning (param $depth i32) (param $value i32) (result i32)
    (if (i32.eqz (local.get $depth)) (then (throw $t (local.get $value))))
    (block $all (result exnref)
      (try_table (catch_all_ref $all)
        (return (i32.add (i32.const 1)
          (call $cleaning (i32.sub (local.get $depth) (i32.const 1)) (local.get $value)))))
      (unreachable))
    (global.set $cleaned (i32.add (global.get $cleaned) (i32.const 1)))
    (throw_ref))

  ;; Thrown by a function that is called, caught where it is called.
  (func (export "throws") (param $times i32) (result i32) (local $sum i32)
    (loop $again
      (block $caught (result i32)
        (try_table (catch $t $caught) (call $throw (local.get $times)))
        (unreachable))
      (local.set $sum (i32.add (local.get $sum)))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (local.get $sum))

  (func (export "frames") (param $times i32) (result i32) (local $sum i32)
    (loop $again
      (block $caught (result i32)
        (try_table (catch $t $caught)
          (drop (call $deep (i32.const 10) (local.get $times))))
        (unreachable))
      (local.set $sum (i32.add (local.get $sum)))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (local.get $sum))

  (func (export "cleanups") (param $times i32) (result i32) (local $sum i32)
    (loop $again
      (block $caught (result i32)
        (try_table (catch $t $caught)
          (drop (call $cleaning (i32.const 10) (local.get $times))))
        (unreachable))
      (local.set $sum (i32.add (local.get $sum)))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (i32.add (local.get $sum) (global.get $cleaned)))

  ;; Nothing is thrown: a call, and the same in a region.
  (func $fine (param $value i32) (result i32)
    (if (i32.eqz (local.get $value)) (then (throw $t (local.get $value))))
    (i32.add (local.get $value) (i32.const 1)))

  (func (export "plain") (param $times i32) (result i32) (local $sum i32)
    (loop $again
      (local.set $sum (i32.xor (local.get $sum) (call $fine (local.get $times))))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (local.get $sum))

  (func (export "guarded") (param $times i32) (result i32) (local $sum i32)
    (loop $again
      (block $done
        (block $caught (result i32)
          (try_table (catch $t $caught)
            (local.set $sum (i32.xor (local.get $sum) (call $fine (local.get $times)))))
          (br $done))
        (local.set $sum))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (local.get $sum)))
