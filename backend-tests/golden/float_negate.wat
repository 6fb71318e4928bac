;; A sign is a bit: the payload of a NaN stays.
(module
  (func (param f64) (result f64) local.get 0 f64.neg))
