;; It is made by a shift.
(module
  (func (param i32) (result (ref i31)) (ref.i31 (local.get 0))))
