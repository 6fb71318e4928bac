;; A type with subtypes is looked up in the display.
(module
  (type $base (sub (struct (field $n (mut i32)))))
  (type $final (sub final $base (struct (field $n (mut i32)) (field $next (mut (ref null $base))) (field $c i8))))
  (func (param (ref null struct)) (result (ref $base)) (ref.cast (ref $base) (local.get 0))))
