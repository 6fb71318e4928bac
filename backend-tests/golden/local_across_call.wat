;; A local that is used after a call survives it.
(module
  (func $f (param i32 i32) (result i32) local.get 0 call $g local.get 0 i32.add)
  (func $g (param i32) (result i32) local.get 0))
