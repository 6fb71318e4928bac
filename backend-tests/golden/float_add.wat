;; Arithmetic of floating point numbers is one instruction.
(module
  (func (param f64 f64) (result f64) local.get 0 local.get 1 f64.add))
