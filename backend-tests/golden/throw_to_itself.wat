;; What is thrown in the region of the same function is a jump; what a call throws finds locals in memory.
(module
  (import "m" "f" (func $callee (param i32 f64)))
  (tag $none)
  (tag $values (param i32 f64))
  (func (param i32) (result i32)
    block
      try_table (catch_all 0)
        local.get 0 i32.const 1 i32.add local.tee 0
        if throw $none end
        local.get 0 f64.const 1 call $callee
      end
    end
    local.get 0))
