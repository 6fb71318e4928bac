;; A narrow load extends the sign.
(module
  (memory 1)
  (func (param i64 i32) (result i64) local.get 0 local.get 1 i32.load8_s i64.extend_i32_s i64.add))
