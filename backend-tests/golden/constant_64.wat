;; A constant of 64 bits that fits in 32 is not written in 64.
(module
  (func (result i64) i64.const -1))
