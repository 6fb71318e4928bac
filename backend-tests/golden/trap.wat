;; A trap is one instruction with its reason in a table.
(module
  (func unreachable))
