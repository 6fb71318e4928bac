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
;;    f mov r15,[r14+20h]
;;   13 mov eax,10h
;;   18 add rax,rbx
;;   1b jb near 41h
;;   21 mov ecx,8
;;   26 add rcx,rbx
;;   29 add rcx,r15
;;   2c mov rdx,[r14+28h]
;;   30 cmp rax,[rdx]
;;   33 mov eax,0
;;   38 cmova rcx,rax
;;   3c mov rax,[rcx] ; MemoryOutOfBounds
;;   3f leave
;;   40 ret
;;   41 ud2 ; MemoryOutOfBounds
;; function 1:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f mov r15,[r14+20h]
;;   13 mov eax,1
;;   18 add rax,rbx
;;   1b jb near 3Eh
;;   21 xor ecx,ecx
;;   23 add rcx,rbx
;;   26 add rcx,r15
;;   29 mov rdx,[r14+28h]
;;   2d cmp rax,[rdx]
;;   30 mov eax,0
;;   35 cmova rcx,rax
;;   39 mov [rcx],r8b ; MemoryOutOfBounds
;;   3c leave
;;   3d ret
;;   3e ud2 ; MemoryOutOfBounds
