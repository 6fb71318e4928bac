;; An operation of the virtual machine is called on the host's stack.
(module
  (memory 1)
  (func (param i32) (result i32) local.get 0 memory.grow))
