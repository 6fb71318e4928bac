;; Counts the lines, words and bytes of its standard input.
;;
;;     wasmer run examples/wc.wat < README.md

(module
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param $fd i32) (param $buffers i32) (param $count i32) (param $read i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param $fd i32) (param $buffers i32) (param $count i32) (param $written i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param $code i32)))

  (memory (export "memory") 2)
  ;; At 0 the buffer for reading: the second page. At 8 the one for writing. At 16 the number of bytes read or written.
  (data (i32.const 0) "\00\00\01\00\00\00\01\00")
  (global $buffer i32 (i32.const 65536))
  ;; Text is written from its end towards its beginning, so that digits come in the order in which division yields them.
  (global $text_end i32 (i32.const 256))
  (global $text (mut i32) (i32.const 256))

  (global $lines (mut i64) (i64.const 0))
  (global $words (mut i64) (i64.const 0))
  (global $bytes (mut i64) (i64.const 0))
  (global $in_word (mut i32) (i32.const 0))

  ;; Ends the program with status 1 after an error of the system.
  (func $check (param $errno i32)
    (if (local.get $errno) (then (call $proc_exit (i32.const 1)))))

  ;; A space, or one of the control characters 9 to 13.
  (func $is_space (param $byte i32) (result i32)
    (i32.or
      (i32.eq (local.get $byte) (i32.const 32))
      (i32.lt_u (i32.sub (local.get $byte) (i32.const 9)) (i32.const 5))))

  (func $count (param $byte i32)
    (local $in_word i32)
    (global.set $lines
      (i64.add (global.get $lines) (i64.extend_i32_u (i32.eq (local.get $byte) (i32.const 10)))))
    (local.set $in_word (i32.eqz (call $is_space (local.get $byte))))
    ;; A word begins where the byte belongs to one and its predecessor did not.
    (global.set $words
      (i64.add (global.get $words)
        (i64.extend_i32_u (i32.gt_u (local.get $in_word) (global.get $in_word)))))
    (global.set $in_word (local.get $in_word)))

  (func $count_all (param $length i32)
    (local $at i32) (local $end i32)
    (local.set $at (global.get $buffer))
    (local.set $end (i32.add (local.get $at) (local.get $length)))
    (global.set $bytes (i64.add (global.get $bytes) (i64.extend_i32_u (local.get $length))))
    (loop $next
      (call $count (i32.load8_u (local.get $at)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (local.get $end)))))

  (func $prepend (param $byte i32)
    (global.set $text (i32.sub (global.get $text) (i32.const 1)))
    (i32.store8 (global.get $text) (local.get $byte)))

  ;; The number in decimal digits, and the character that follows it.
  (func $prepend_number (param $number i64) (param $separator i32)
    (call $prepend (local.get $separator))
    (loop $next
      (call $prepend (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (local.get $number) (i64.const 10)))))
      (local.set $number (i64.div_u (local.get $number) (i64.const 10)))
      (br_if $next (i64.ne (local.get $number) (i64.const 0)))))

  (func (export "_start")
    (local $length i32)
    (block $end
      (loop $next
        (call $check (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))
        (br_if $end (i32.eqz (local.tee $length (i32.load (i32.const 16)))))
        (call $count_all (local.get $length))
        (br $next)))
    (call $prepend_number (global.get $bytes) (i32.const 10))
    (call $prepend_number (global.get $words) (i32.const 32))
    (call $prepend_number (global.get $lines) (i32.const 32))
    (i32.store (i32.const 8) (global.get $text))
    (i32.store (i32.const 12) (i32.sub (global.get $text_end) (global.get $text)))
    (call $check (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16)))))
