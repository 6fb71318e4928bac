;; A field behind a reference that may be null.
(module
  (type $base (sub (struct (field $n (mut i32)))))
  (type $final (sub final $base (struct (field $n (mut i32)) (field $next (mut (ref null $base))) (field $c i8))))
  (func (param (ref null $final)) (result (ref null $base)) (struct.get $final $next (local.get 0))))
