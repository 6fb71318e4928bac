;; A type that is not final may have subtypes, which a display tells.
(module
  (type $open (sub (func)))
  (table 10 10 funcref)
  (func (param i32) local.get 0 call_indirect (type $open)))
