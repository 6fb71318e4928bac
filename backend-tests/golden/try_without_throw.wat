;; Where nothing throws there is no handler.
(module
  (tag $none)
  (tag $values (param i32 f64))
  (func (param i32) (result i32)
    block
      try_table (result i32) (catch_all 0) local.get 0 end
      return
    end
    i32.const 1))
