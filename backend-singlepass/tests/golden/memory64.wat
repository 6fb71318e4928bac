;; 64-bit memories: the check does not wrap around, and a wrong guess of the processor's reads nothing.
(module
  (memory i64 1)
  (func (param i64) (result i64) local.get 0 i64.load offset=8)
  (func (param i64 i32) local.get 0 local.get 1 i32.store8))
;; machine code
;; function 0:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f mov eax,10h
;;   14 add rax,rbx
;;   17 jb near 3Bh
;;   1d mov r15,[r14+20h]
;;   21 lea rcx,[r15+rax-8]
;;   26 mov rdx,[r14+28h]
;;   2a cmp rax,[rdx]
;;   2d mov eax,0
;;   32 cmova rcx,rax
;;   36 mov rax,[rcx] ; MemoryOutOfBounds
;;   39 leave
;;   3a ret
;;   3b ud2 ; MemoryOutOfBounds
;; function 1:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f mov eax,1
;;   14 add rax,rbx
;;   17 jb near 3Bh
;;   1d mov r15,[r14+20h]
;;   21 lea rcx,[r15+rax-1]
;;   26 mov rdx,[r14+28h]
;;   2a cmp rax,[rdx]
;;   2d mov eax,0
;;   32 cmova rcx,rax
;;   36 mov [rcx],r8b ; MemoryOutOfBounds
;;   39 leave
;;   3a ret
;;   3b ud2 ; MemoryOutOfBounds
