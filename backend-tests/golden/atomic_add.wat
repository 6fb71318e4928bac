;; Alignment is checked before bounds.
(module
  (memory 1 1 shared)
  (func (param i32 i32) (result i32) local.get 0 local.get 1 i32.atomic.rmw.add offset=4))
