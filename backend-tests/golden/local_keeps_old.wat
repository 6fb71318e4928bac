;; A value that was read before the local changes is the old one.
(module
  (func (param i32) (result i32) local.get 0 local.get 0 i32.const 1 i32.add local.set 0 local.get 0 i32.mul))
