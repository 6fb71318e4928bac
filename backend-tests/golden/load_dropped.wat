;; A load whose value nobody wants may trap all the same.
(module
  (memory 1)
  (func (param i32) local.get 0 i32.load drop))
