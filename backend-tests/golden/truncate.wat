;; What does not fit traps, and NaN with another trap.
(module
  (func (param f64) (result i32) local.get 0 i32.trunc_f64_s))
