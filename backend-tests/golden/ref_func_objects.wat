;; In a module with objects code finds references that the host has made.
(module
  (type $object (struct))
  (export "f" (func $f))
  (func $f (result funcref) ref.func $f))
