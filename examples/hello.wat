;; Prints a line, with the one system call that this needs.
;;
;;     wasmer run examples/hello.wat

(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param $fd i32) (param $buffers i32) (param $count i32) (param $written i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param $code i32)))

  (memory (export "memory") 1)
  ;; At 0 one buffer: its address and its length. At 8 the number of bytes written.
  (data (i32.const 0) "\10\00\00\00\0d\00\00\00")
  (data (i32.const 16) "hello, world\n")

  (func (export "_start")
    (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))
    (if (then (call $proc_exit (i32.const 1))))))
