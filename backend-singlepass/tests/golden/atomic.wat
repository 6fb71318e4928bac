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
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f test ebx,3
;;   15 jne near 2Dh
;;   1b mov r15,[r14+20h]
;;   1f mov eax,r8d
;;   22 lock xadd [r15+rbx+4],eax
;;   29 mov eax,eax
;;   2b leave
;;   2c ret
;;   2d ud2 ; UnalignedAtomic
;; function 1:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,40h
;;    b mov [rbp-8],r14
;;    f mov r15,[r14+20h]
;;   13 mov eax,r8d
;;   16 lock cmpxchg [r15+rbx],r9b
;;   1c movzx eax,al
;;   1f leave
;;   20 ret
;; function 2:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f test ebx,7
;;   15 jne near 28h
;;   1b mov r15,[r14+20h]
;;   1f mov rax,r8
;;   22 xchg rax,[r15+rbx]
;;   26 leave
;;   27 ret
;;   28 ud2 ; UnalignedAtomic
