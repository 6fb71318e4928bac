;; An element is changed by the virtual machine where it is to be traced.
(module
  (table $table 10 externref)
  (func (param i32 externref) local.get 0 local.get 1 table.set $table))
