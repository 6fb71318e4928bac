;; Asks the authority that stands at 1024 and ends with a zero, and succeeds if the answer's status is 200.
(module
  (import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.2.12" "[constructor]outgoing-request" (func $request (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-authority"
    (func $set-authority (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-scheme"
    (func $set-scheme (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-path-with-query"
    (func $set-path (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]future-incoming-response.subscribe"
    (func $response-subscribe (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]future-incoming-response.get" (func $response-get (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-response.status" (func $status (param i32) (result i32)))
  (import "wasi:http/outgoing-handler@0.2.12" "handle" (func $send (param i32 i32 i32 i32)))
  (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))

  (memory (export "memory") 2)
  (data (i32.const 512) "/h")
  (data (i32.const 1024) "AUTHORITY\00")

  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536))

  (func $check (param $bad i32)
    (if (local.get $bad) (then unreachable)))

  (func (export "wasi:cli/run@0.2.12#run") (result i32)
    (local $request i32)
    (local $len i32)
    (loop $more
      (local.set $len (i32.add (local.get $len) (i32.const 1)))
      (br_if $more (i32.load8_u offset=1024 (local.get $len))))
    (local.set $request (call $request (call $fields)))
    (call $check (call $set-scheme (local.get $request) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
    (call $check (call $set-authority (local.get $request) (i32.const 1) (i32.const 1024) (local.get $len)))
    (call $check (call $set-path (local.get $request) (i32.const 1) (i32.const 512) (i32.const 2)))
    (call $send (local.get $request) (i32.const 0) (i32.const 0) (i32.const 128))
    (if (i32.load8_u (i32.const 128)) (then (return (i32.const 1))))
    (local.set $request (i32.load (i32.const 136)))
    (call $block (call $response-subscribe (local.get $request)))
    (call $response-get (local.get $request) (i32.const 128))
    (call $check (i32.eqz (i32.load8_u (i32.const 128))))
    (call $check (i32.load8_u (i32.const 136)))
    (if (i32.load8_u (i32.const 144)) (then (return (i32.const 1))))
    (i32.ne (call $status (i32.load (i32.const 152))) (i32.const 200))))
