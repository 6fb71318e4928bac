;; A packed field extends its sign.
(module
  (type $base (sub (struct (field $n (mut i32)))))
  (type $final (sub final $base (struct (field $n (mut i32)) (field $next (mut (ref null $base))) (field $c i8))))
  (func (param (ref $final)) (result i32) (struct.get_s $final $c (local.get 0))))
