;; The operand below the region is in its place, and the values are behind it.
(module
  (import "m" "f" (func $callee (param i32 f64)))
  (tag $none)
  (tag $values (param i32 f64))
  (func (param i64) (result i64 i32 f64)
    local.get 0
    block (result i32 f64)
      try_table (catch $values 0)
        i64.const 0 local.set 0
        i32.const 1 f64.const 1 call $callee
      end
      unreachable
    end))
