;; Atomics: alignment before bounds; a narrow exchange compares as many bits as it accesses.
(module
  (memory 1 1 shared)
  (func (param i32 i32) (result i32) local.get 0 local.get 1 i32.atomic.rmw.add offset=4)
  (func (param i32 i32 i32) (result i32) local.get 0 local.get 1 local.get 2 i32.atomic.rmw8.cmpxchg_u)
  (func (param i32 i64) local.get 0 local.get 1 i64.atomic.store))
;; machine code
;; function 0:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 mov esi,esi
;;    6 test rsi,3
;;    d jne near 26h
;;   13 mov r8,[rdi+20h]
;;   17 mov rax,rdx
;;   1a lock xadd [r8+rsi+4],eax
;;   21 mov rsp,rbp
;;   24 pop rbp
;;   25 ret
;;   26 ud2 ; UnalignedAtomic
;; function 1:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 mov r8,[rdi+20h]
;;    8 mov r9d,esi
;;    b mov rax,rdx
;;    e lock cmpxchg [r8+r9],cl
;;   14 movzx eax,al
;;   17 mov rsp,rbp
;;   1a pop rbp
;;   1b ret
;; function 2:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 mov esi,esi
;;    6 test rsi,7
;;    d jne near 23h
;;   13 mov rdi,[rdi+20h]
;;   17 mov [rdi+rsi],rdx
;;   1b mfence
;;   1e mov rsp,rbp
;;   21 pop rbp
;;   22 ret
;;   23 ud2 ; UnalignedAtomic
