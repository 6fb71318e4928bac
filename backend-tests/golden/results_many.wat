;; Several results, integers and floating point numbers.
(module
  (func (param i32 f64) (result f64 i32 i64) local.get 1 local.get 0 i64.const 3))
