;; The size of a table that grows is in its record.
(module
  (table $table 10 externref)
  (func (result i32) table.size $table))
