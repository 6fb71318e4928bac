;; A fence.
(module
  (memory 1 1 shared)
  (func atomic.fence))
