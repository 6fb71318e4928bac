;; A number is stored without asking the collector.
(module
  (type $base (sub (struct (field $n (mut i32)))))
  (type $final (sub final $base (struct (field $n (mut i32)) (field $next (mut (ref null $base))) (field $c i8))))
  (func (param (ref null $base) i32) (struct.set $base $n (local.get 0) (local.get 1))))
