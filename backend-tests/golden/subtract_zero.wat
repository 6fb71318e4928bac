;; What has set the zero flag is not compared with zero.
(module
  (func (param i32 i32) (result i32) local.get 0 local.get 1 i32.sub local.tee 0 i32.eqz))
