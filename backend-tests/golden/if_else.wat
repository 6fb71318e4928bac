;; Both arms give their value to one place.
(module
  (func (param i32) (result i32) local.get 0 i32.eqz if (result i32) i32.const 1 else local.get 0 end))
