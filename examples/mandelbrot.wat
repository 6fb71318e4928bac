;; Draws the Mandelbrot set in characters: 76 columns, 31 rows, up to 20,000 steps a point.
;; The escape loop works on two points at a time, one in each lane of a vector.
;;
;;     wasmer run examples/mandelbrot.wat

(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param $fd i32) (param $buffers i32) (param $count i32) (param $written i32) (result i32)))

  (memory (export "memory") 1)
  ;; At 0 one buffer: its address (64) and its length, a row of 76 characters and the line feed.
  (data (i32.const 0) "\40\00\00\00\4d\00\00\00")
  ;; At 16 the shades, from the points that escape soon to those that never do.
  (data (i32.const 16) " .,:;i1tfLCG08@#")

  (global $columns i32 (i32.const 76))
  (global $rows i32 (i32.const 31))
  (global $steps_max i32 (i32.const 20000))
  (global $row_address i32 (i32.const 64))

  ;; The number of steps after which z = z * z + c leaves the circle of radius 2, for two points with one imaginary part.
  ;; A lane that has left stops counting: `alive` is all ones in lanes that still count, so subtracting it adds one.
  (func $escape_times (param $re v128) (param $im f64) (result v128)
    (local $x v128) (local $y v128) (local $xx v128) (local $yy v128) (local $alive v128) (local $count v128) (local $step i32)
    (local.set $alive (v128.const i64x2 -1 -1))
    (block $done
      (loop $next
        (local.set $xx (f64x2.mul (local.get $x) (local.get $x)))
        (local.set $yy (f64x2.mul (local.get $y) (local.get $y)))
        (local.set $alive
          (v128.and (local.get $alive)
            (f64x2.le (f64x2.add (local.get $xx) (local.get $yy)) (v128.const f64x2 4 4))))
        (br_if $done (i32.eqz (v128.any_true (local.get $alive))))
        (local.set $count (i64x2.sub (local.get $count) (local.get $alive)))
        (local.set $y
          (f64x2.add
            (f64x2.mul (f64x2.mul (v128.const f64x2 2 2) (local.get $x)) (local.get $y))
            (f64x2.splat (local.get $im))))
        (local.set $x (f64x2.add (f64x2.sub (local.get $xx) (local.get $yy)) (local.get $re)))
        (local.set $step (i32.add (local.get $step) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $step) (global.get $steps_max)))))
    (local.get $count))

  ;; The shade of a number of steps: one more for each doubling.
  (func $shade (param $count i64) (result i32)
    (if (result i32) (i64.ge_u (local.get $count) (i64.extend_i32_u (global.get $steps_max)))
      (then (i32.const 15))
      (else (i32.wrap_i64 (i64.sub (i64.const 63) (i64.clz (i64.or (local.get $count) (i64.const 1))))))))

  ;; From a column to the real axis: -2.2 to 0.8.
  (func $real (param $column i32) (result f64)
    (f64.add (f64.const -2.2)
      (f64.div (f64.mul (f64.convert_i32_u (local.get $column)) (f64.const 3)) (f64.convert_i32_u (global.get $columns)))))

  (func $put (param $column i32) (param $count i64)
    (i32.store8
      (i32.add (global.get $row_address) (local.get $column))
      (i32.load8_u (i32.add (i32.const 16) (call $shade (local.get $count))))))

  (func $draw_row (param $im f64)
    (local $column i32) (local $counts v128)
    (loop $next
      (local.set $counts
        (call $escape_times
          (f64x2.replace_lane 1
            (f64x2.splat (call $real (local.get $column)))
            (call $real (i32.add (local.get $column) (i32.const 1))))
          (local.get $im)))
      (call $put (local.get $column) (i64x2.extract_lane 0 (local.get $counts)))
      (call $put (i32.add (local.get $column) (i32.const 1)) (i64x2.extract_lane 1 (local.get $counts)))
      (local.set $column (i32.add (local.get $column) (i32.const 2)))
      (br_if $next (i32.lt_u (local.get $column) (global.get $columns))))
    (i32.store8 (i32.add (global.get $row_address) (global.get $columns)) (i32.const 10))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func (export "_start")
    (local $row i32)
    (loop $next
      ;; From a row to the imaginary axis: 1.2 to -1.2.
      (call $draw_row
        (f64.sub (f64.const 1.2)
          (f64.div
            (f64.mul (f64.convert_i32_u (local.get $row)) (f64.const 2.4))
            (f64.convert_i32_u (i32.sub (global.get $rows) (i32.const 1))))))
      (local.set $row (i32.add (local.get $row) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $row) (global.get $rows))))))
