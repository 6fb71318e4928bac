;; Values go to the context, then the runtime looks for a handler.
(module
  (tag $none)
  (tag $values (param i32 f64))
  (func (param i32 f64) local.get 0 local.get 1 throw $values))
