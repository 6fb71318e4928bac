;; A reference to a function of the module is made by the host, once, and asked for each time.
(module
  (export "f" (func $f))
  (func $f (result funcref) ref.func $f))
