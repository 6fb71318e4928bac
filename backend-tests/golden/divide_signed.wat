;; Zero is checked by the code, and so is overflow where the processor does not tell it from zero.
(module
  (func (param i32 i32) (result i32) local.get 0 local.get 1 i32.div_s))
