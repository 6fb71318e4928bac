;; A reference is stored past the collector's mark.
(module
  (type $base (sub (struct (field $n (mut i32)))))
  (type $final (sub final $base (struct (field $n (mut i32)) (field $next (mut (ref null $base))) (field $c i8))))
  (func (param (ref $final) (ref null $base)) (struct.set $final $next (local.get 0) (local.get 1))))
