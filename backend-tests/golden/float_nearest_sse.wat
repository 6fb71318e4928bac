;; Without AVX, too: two operands, one of them the result.
(module
  (func (param f64) (result f64) local.get 0 f64.nearest))
