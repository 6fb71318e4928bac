;; A store to another memory changes nothing in the first, but may trap between its loads.
(module
  (memory $a 1)
  (memory $b 1)
  (func (param i32 i32) (result i32)
    local.get 0 i32.load
    local.get 1 i32.const 7 i32.store $b
    local.get 0 i32.load
    i32.add))
