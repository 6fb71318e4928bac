;; Memory: the guard region checks 32-bit indices; base and index are one address; other memories load their base.
(module
  (memory $a 1)
  (memory $b 1)
  (func (param i32) (result i32) local.get 0 i32.load offset=8)
  (func (param i32) local.get 0 i32.load drop)
  (func (param i32 i32) (result i32)
    local.get 0 i32.load
    local.get 1 i32.const 7 i32.store $b
    local.get 0 i32.load
    i32.add)
  (func (param i32 v128) local.get 0 local.get 1 v128.store offset=16)
  (func (result i32) memory.size)
  (func (param i32) (result i32) local.get 0 i32.load offset=0xffffffff))
;; machine code
;; function 0:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f mov r15,[r14+20h]
;;   13 mov eax,[r15+rbx+8]
;;   18 leave
;;   19 ret
;; function 1:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f mov r15,[r14+20h]
;;   13 mov eax,[r15+rbx]
;;   17 leave
;;   18 ret
;; function 2:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f mov r15,[r14+20h]
;;   13 mov eax,[r15+rbx]
;;   17 mov rcx,[r14+30h]
;;   1b mov dword [rcx+r8],7
;;   23 add eax,[r15+rbx]
;;   27 leave
;;   28 ret
;; function 3:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,40h
;;    b mov [rbp-8],r14
;;    f mov r15,[r14+20h]
;;   13 vmovups [r15+rbx+10h],xmm7
;;   1a leave
;;   1b ret
;; function 4:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,10h
;;    b mov [rbp-8],r14
;;    f mov rax,[r14+28h]
;;   13 mov rax,[rax]
;;   16 shr rax,10h
;;   1a mov eax,eax
;;   1c leave
;;   1d ret
;; function 5:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f ud2 ; MemoryOutOfBounds
;;   11 xor eax,eax
;;   13 leave
;;   14 ret
