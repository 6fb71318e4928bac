;; A typed reference needs no comparison of types, only that it is not null.
(module
  (type $t (func (param i32) (result i32)))
  (func (param i32 (ref null $t)) (result i32) local.get 0 local.get 1 call_ref $t))
