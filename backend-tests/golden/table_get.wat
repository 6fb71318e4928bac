;; An element is within the table.
(module
  (table $table 10 externref)
  (func (param i32) (result externref) local.get 0 table.get $table))
