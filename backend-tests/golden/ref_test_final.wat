;; A final type is one number.
(module
  (type $base (sub (struct (field $n (mut i32)))))
  (type $final (sub final $base (struct (field $n (mut i32)) (field $next (mut (ref null $base))) (field $c i8))))
  (func (param (ref null eq)) (result i32) (ref.test (ref $final) (local.get 0))))
