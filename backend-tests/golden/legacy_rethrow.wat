;; The older encoding is the same mechanism.
(module
  (import "m" "f" (func $callee (param i32 f64)))
  (tag $none)
  (tag $values (param i32 f64))
  (func (param i32)
    try
      i32.const 1 f64.const 1 call $callee
    catch $none
      rethrow 0
    end))
