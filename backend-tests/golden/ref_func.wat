;; A reference to a function of the module is an address in the context.
(module
  (export "f" (func $f))
  (func $f (result funcref) ref.func $f))
