;; A cast lets null pass where its type does.
(module
  (type $base (sub (struct (field $n (mut i32)))))
  (type $final (sub final $base (struct (field $n (mut i32)) (field $next (mut (ref null $base))) (field $c i8))))
  (func (param (ref null $base)) (result (ref null $final)) (ref.cast (ref null $final) (local.get 0))))
