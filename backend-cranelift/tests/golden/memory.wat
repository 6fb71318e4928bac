;; Memory: the guard region checks 32-bit indices; a load that nothing uses still traps; a second load of a place
;; is the first one's value; a store to another memory does not forbid that.
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
;;    4 mov r8,rsi
;;    7 mov rsi,[rdi+20h]
;;    b mov rdi,r8
;;    e mov edi,edi
;;   10 mov eax,[rsi+rdi+8]
;;   14 mov rsp,rbp
;;   17 pop rbp
;;   18 ret
;; function 1:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 mov r8,rsi
;;    7 mov rsi,[rdi+20h]
;;    b mov rdi,r8
;;    e mov edi,edi
;;   10 mov esi,[rsi+rdi]
;;   13 mov rsp,rbp
;;   16 pop rbp
;;   17 ret
;; function 2:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 mov r9,[rdi+20h]
;;    8 mov r10d,esi
;;    b mov r9d,[r9+r10]
;;    f mov r10,[rdi+30h]
;;   13 mov r11d,edx
;;   16 mov dword [r10+r11],7
;;   1e lea eax,[r9+r9]
;;   22 mov rsp,rbp
;;   25 pop rbp
;;   26 ret
;; function 3:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 mov r8,rsi
;;    7 mov rsi,[rdi+20h]
;;    b mov rdi,r8
;;    e mov edi,edi
;;   10 vmovdqu [rsi+rdi+10h],xmm0
;;   16 mov rsp,rbp
;;   19 pop rbp
;;   1a ret
;; function 4:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 mov rsi,[rdi+28h]
;;    8 mov rax,[rsi]
;;    b shr rax,10h
;;    f mov rsp,rbp
;;   12 pop rbp
;;   13 ret
;; function 5:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 mov esi,1
;;    9 test sil,sil
;;    c jne near 1Dh
;;   12 mov rsi,[rdi+20h]
;;   16 mov eax,[rsi] ; MemoryOutOfBounds
;;   18 mov rsp,rbp
;;   1b pop rbp
;;   1c ret
;;   1d ud2 ; MemoryOutOfBounds
