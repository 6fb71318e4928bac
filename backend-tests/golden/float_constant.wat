;; A constant comes from beside the code, or from no memory at all.
(module
  (func (result f64) f64.const 1.5))
