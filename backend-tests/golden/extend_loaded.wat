;; A load of eight bits has cleared the upper ones.
(module
  (memory 1)
  (func (param i32) (result i64) local.get 0 i32.load8_u i64.extend_i32_u))
