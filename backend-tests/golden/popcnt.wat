;; Bits are counted by an instruction where the processor has one.
(module
  (func (param i64) (result i64) local.get 0 i64.popcnt))
