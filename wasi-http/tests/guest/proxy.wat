;; Answers requests as the first letter of the path says.
(module
  (import "wasi:http/types@0.2.12" "[method]incoming-request.path-with-query" (func $path (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-request.consume" (func $consume (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-body.stream" (func $body-stream (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.2.12" "[constructor]outgoing-response" (func $response (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-response.set-status-code" (func $status (param i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-response.body" (func $response-body (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[static]response-outparam.set"
    (func $set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-body.write" (func $body-write (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[static]outgoing-body.finish" (func $finish (param i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[constructor]outgoing-request" (func $request (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-authority"
    (func $set-authority (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-scheme"
    (func $set-scheme (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]future-incoming-response.subscribe"
    (func $response-subscribe (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]future-incoming-response.get" (func $response-get (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-response.consume" (func $response-consume (param i32 i32)))
  (import "wasi:http/outgoing-handler@0.2.12" "handle" (func $send (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.12" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush" (func $write (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.12" "[resource-drop]input-stream" (func $drop-input (param i32)))
  (import "wasi:io/streams@0.2.12" "[resource-drop]output-stream" (func $drop-output (param i32)))
  (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $after (param i64) (result i32)))

  (memory (export "memory") 4)
  (global $next (mut i32) (i32.const 65536))
  (global $out (mut i32) (i32.const 0))
  (global $output (mut i32) (i32.const 0))
  (global $body (mut i32) (i32.const 0))
  (data (i32.const 1024) "hello")

  ;; What was allocated before is not needed any more when there is no more room.
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (if (i32.gt_u (i32.add (global.get $next) (local.get 3)) (i32.const 262144))
      (then (global.set $next (i32.const 65536))))
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (local.get $at))

  (func $check (param $bad i32)
    (if (local.get $bad) (then unreachable)))

  ;; Answers with a status, and begins a body.
  (func $begin (param $code i32)
    (local $response i32)
    (local.set $response (call $response (call $fields)))
    (call $check (call $status (local.get $response) (local.get $code)))
    (call $response-body (local.get $response) (i32.const 64))
    (call $check (i32.load8_u (i32.const 64)))
    (global.set $body (i32.load (i32.const 68)))
    (call $set (global.get $out) (i32.const 0) (local.get $response)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $body-write (global.get $body) (i32.const 64))
    (call $check (i32.load8_u (i32.const 64)))
    (global.set $output (i32.load (i32.const 68))))

  (func $end
    (call $drop-output (global.get $output))
    (call $finish (global.get $body) (i32.const 0) (i32.const 0) (i32.const 64))
    (call $check (i32.load8_u (i32.const 64))))

  ;; Whether it was taken.
  (func $put (param $at i32) (param $len i32) (result i32)
    (local $part i32)
    (loop $more
      (local.set $part (select (local.get $len) (i32.const 4096) (i32.lt_u (local.get $len) (i32.const 4096))))
      (call $write (global.get $output) (local.get $at) (local.get $part) (i32.const 96))
      (if (i32.load8_u (i32.const 96)) (then (return (i32.const 0))))
      (local.set $at (i32.add (local.get $at) (local.get $part)))
      (local.set $len (i32.sub (local.get $len) (local.get $part)))
      (br_if $more (local.get $len)))
    (i32.const 1))

  ;; Sends on what comes from a body.
  (func $pass (param $incoming i32)
    (local $input i32)
    (call $body-stream (local.get $incoming) (i32.const 64))
    (call $check (i32.load8_u (i32.const 64)))
    (local.set $input (i32.load (i32.const 68)))
    (loop $more
      (call $read (local.get $input) (i64.const 65536) (i32.const 64))
      (if (i32.eqz (i32.load8_u (i32.const 64)))
        (then (br_if $more (call $put (i32.load (i32.const 68)) (i32.load (i32.const 72)))))))
    (call $drop-input (local.get $input)))

  ;; Asks the authority that is the rest of the path, and answers what it answers.
  (func $fetch (param $at i32) (param $len i32) (param $scheme i32)
    (local $request i32)
    (local $future i32)
    (local.set $request (call $request (call $fields)))
    (call $check (call $set-scheme (local.get $request) (i32.const 1) (local.get $scheme) (i32.const 0) (i32.const 0)))
    (call $check (call $set-authority (local.get $request) (i32.const 1) (local.get $at) (local.get $len)))
    (call $send (local.get $request) (i32.const 0) (i32.const 0) (i32.const 128))
    (if (i32.load8_u (i32.const 128))
      (then
        ;; The number of the error is the answer's status.
        (call $begin (i32.add (i32.const 500) (i32.load8_u (i32.const 136))))
        (return (call $end))))
    (local.set $future (i32.load (i32.const 136)))
    (call $block (call $response-subscribe (local.get $future)))
    (call $response-get (local.get $future) (i32.const 128))
    (call $check (i32.eqz (i32.load8_u (i32.const 128))))
    (call $check (i32.load8_u (i32.const 136)))
    (if (i32.load8_u (i32.const 144))
      (then
        (call $begin (i32.add (i32.const 500) (i32.load8_u (i32.const 152))))
        (return (call $end))))
    (call $response-consume (i32.load (i32.const 152)) (i32.const 64))
    (call $check (i32.load8_u (i32.const 64)))
    (local.set $request (i32.load (i32.const 68)))
    (call $begin (i32.const 200))
    (call $pass (local.get $request))
    (call $end))

  (func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $outparam i32)
    (local $path i32)
    (local $len i32)
    (local $letter i32)
    (global.set $out (local.get $outparam))
    (call $path (local.get $request) (i32.const 32))
    (local.set $path (i32.add (i32.load (i32.const 36)) (i32.const 2)))
    (local.set $len (i32.sub (i32.load (i32.const 40)) (i32.const 2)))
    (local.set $letter (i32.load8_u (i32.sub (local.get $path) (i32.const 1))))
    ;; h: hello
    (if (i32.eq (local.get $letter) (i32.const 104))
      (then (call $begin (i32.const 200)) (drop (call $put (i32.const 1024) (i32.const 5))) (call $end)))
    ;; n: a status and nothing else
    (if (i32.eq (local.get $letter) (i32.const 110)) (then (call $begin (i32.const 404)) (call $end)))
    ;; e: echo
    (if (i32.eq (local.get $letter) (i32.const 101))
      (then
        (call $consume (local.get $request) (i32.const 64))
        (call $check (i32.load8_u (i32.const 64)))
        (local.set $letter (i32.load (i32.const 68)))
        (call $begin (i32.const 200))
        (call $pass (local.get $letter))
        (call $end)
        (return)))
    ;; f: fetch
    (if (i32.eq (local.get $letter) (i32.const 102))
      (then (call $fetch (local.get $path) (local.get $len) (i32.const 0))))
    ;; g: the same by TLS
    (if (i32.eq (local.get $letter) (i32.const 103))
      (then (call $fetch (local.get $path) (local.get $len) (i32.const 1))))
    ;; l: a loop without end
    (if (i32.eq (local.get $letter) (i32.const 108)) (then (loop $ever (br $ever))))
    ;; w: waits for ever
    (if (i32.eq (local.get $letter) (i32.const 119)) (then (call $block (call $after (i64.const -1)))))
    ;; s: waits for 50 ms
    (if (i32.eq (local.get $letter) (i32.const 115))
      (then
        (call $block (call $after (i64.const 50000000)))
        (call $begin (i32.const 200)) (drop (call $put (i32.const 1024) (i32.const 5))) (call $end)))
    ;; t: traps before there is an answer
    (if (i32.eq (local.get $letter) (i32.const 116)) (then unreachable))
    ;; c: traps behind the beginning of one
    (if (i32.eq (local.get $letter) (i32.const 99))
      (then (call $begin (i32.const 200)) (drop (call $put (i32.const 1024) (i32.const 5))) unreachable))
    ;; b: a body without end
    (if (i32.eq (local.get $letter) (i32.const 98))
      (then (call $begin (i32.const 200)) (loop $ever (br_if $ever (call $put (i32.const 1024) (i32.const 4096)))))))
)
