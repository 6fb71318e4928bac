;; A store that others see in order.
(module
  (memory 1 1 shared)
  (func (param i32 i64) local.get 0 local.get 1 i64.atomic.store))
