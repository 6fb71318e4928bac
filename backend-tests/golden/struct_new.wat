;; An object is made where the cursor is, and only a full region calls.
(module
  (type $base (sub (struct (field $n (mut i32)))))
  (type $final (sub final $base (struct (field $n (mut i32)) (field $next (mut (ref null $base))) (field $c i8))))
  (func (param i32 (ref null $base)) (result (ref $final)) (struct.new $final (local.get 0) (local.get 1) (i32.const 7))))
