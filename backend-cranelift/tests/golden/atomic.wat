;; Atomics: alignment before bounds; a narrow exchange compares all of the expected value.
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
;;    4 mov r10,[rdi+20h]
;;    8 mov r11d,esi
;;    b movzx eax,dl
;;    e cmp eax,edx
;;   10 mov rsi,rdx
;;   13 cmove esi,ecx
;;   16 mov rax,rdx
;;   19 lock cmpxchg [r10+r11],sil
;;   1f movzx eax,al
;;   22 mov rsp,rbp
;;   25 pop rbp
;;   26 ret
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
