;; The guard region checks an index of 32 bits: an address and nothing else.
(module
  (memory 1)
  (func (param i32) (result i32) local.get 0 i32.load offset=8))
