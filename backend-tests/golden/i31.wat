;; A small number is a reference without an object.
(module
  (func (param (ref null i31)) (result i32) (i31.get_s (local.get 0))))
