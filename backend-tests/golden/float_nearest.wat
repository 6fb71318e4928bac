;; Rounding is an instruction.
(module
  (func (param f64) (result f64) local.get 0 f64.nearest))
