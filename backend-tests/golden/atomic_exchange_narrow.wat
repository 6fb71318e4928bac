;; A narrow exchange compares as many bits as it accesses.
(module
  (memory 1 1 shared)
  (func (param i32 i32 i32) (result i32) local.get 0 local.get 1 local.get 2 i32.atomic.rmw8.cmpxchg_u))
