;; A table of targets, the last for everything else.
(module
  (func (param i32) (result i32)
    block $a block $b block $c
      local.get 0 br_table $a $b $c $a
    end i32.const 1 return
    end i32.const 2 return
    end i32.const 3))
