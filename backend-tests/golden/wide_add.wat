;; A sum of 128 bits is one with carry.
(module
  (func (param i64 i64 i64 i64) (result i64 i64) local.get 0 local.get 1 local.get 2 local.get 3 i64.add128))
