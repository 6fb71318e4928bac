;; Entering a region costs nothing: the handler is in a table.
(module
  (import "m" "f" (func $callee (param i32 f64)))
  (tag $none)
  (tag $values (param i32 f64))
  (func (param i32) (result i32)
    block
      try_table (catch $none 0)
        local.get 0 f64.const 1 call $callee
        i32.const 5 local.set 0
      end
    end
    local.get 0))
