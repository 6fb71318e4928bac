;; The processor's minimum does not care for NaN and signed zeros as the specification does.
(module
  (func (param f32 f32) (result f32) local.get 0 local.get 1 f32.min))
