;; A branch by type.
(module
  (type $base (sub (struct (field $n (mut i32)))))
  (type $final (sub final $base (struct (field $n (mut i32)) (field $next (mut (ref null $base))) (field $c i8))))
  (func (param (ref null eq)) (result (ref null eq)) block $is (result (ref $final)) (br_on_cast $is (ref null eq) (ref $final) (local.get 0)) return end))
