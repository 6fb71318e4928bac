;; A sign is taken over bit by bit.
(module
  (func (param f32 f32) (result f32) local.get 0 local.get 1 f32.copysign))
