;; Calls: direct, imported, through a table, through a reference, as tail calls.
(module
  (type $t (func (param i32) (result i32)))
  (import "m" "f" (func $imported (type $t)))
  (table $growing 10 funcref)
  (table $fixed 10 10 funcref)
  (func $direct (type $t) local.get 0 call $direct)
  (func (type $t) local.get 0 return_call $direct)
  (func (type $t) local.get 0 call $imported)
  (func (param i32 i32) (result i32) local.get 0 local.get 1 call_indirect $growing (type $t))
  (func (param i32 i32) (result i32) local.get 0 local.get 1 return_call_indirect $fixed (type $t))
  (func (param i32 (ref null $t)) (result i32) local.get 0 local.get 1 call_ref $t)
  (func (param i32) (result i32) local.get 0 memory.grow)
  (memory 1))
;; machine code
;; function 0:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 call 9 ; Function(DefinedFuncIdx(0))
;;    9 mov rsp,rbp
;;    c pop rbp
;;    d ret
;; function 1:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 mov rsp,rbp
;;    7 pop rbp
;;    8 jmp 0Dh ; Function(DefinedFuncIdx(0))
;; function 2:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 mov r8,[rdi+50h]
;;    8 mov rdi,[rdi+58h]
;;    c call r8
;;    f mov rsp,rbp
;;   12 pop rbp
;;   13 ret
;; function 3:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,10h
;;    8 mov [rsp],rbx
;;    c mov rbx,rsi
;;    f mov rax,[rdi+38h]
;;   13 mov rsi,[rdi+30h]
;;   17 mov ecx,edx
;;   19 xor rdx,rdx
;;   1c lea rsi,[rsi+rcx*8]
;;   20 cmp rcx,rax
;;   23 cmovae rsi,rdx
;;   27 mov rax,[rsi] ; UndefinedElement
;;   2a test rax,rax
;;   2d je near 5Eh
;;   33 mov edx,[rax+18h]
;;   36 mov rsi,[rdi+10h]
;;   3a mov esi,[rsi]
;;   3c cmp edx,esi
;;   3e jne near 5Eh
;;   44 mov rcx,[rax+8]
;;   48 mov rdi,[rax+10h]
;;   4c mov rsi,rbx
;;   4f call rcx
;;   51 mov rbx,[rsp]
;;   55 add rsp,10h
;;   59 mov rsp,rbp
;;   5c pop rbp
;;   5d ret
;;   5e mov rax,[rdi]
;;   61 mov rax,[rax+70h]
;;   65 xor rdx,rdx
;;   68 mov rsi,rdx
;;   6b call rax
;;   6d jmp 44h
;; function 4:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,10h
;;    8 mov [rsp],rbx
;;    c mov rbx,rsi
;;    f mov ecx,edx
;;   11 xor rax,rax
;;   14 mov rdx,[rdi+40h]
;;   18 lea rdx,[rdx+rcx*8]
;;   1c cmp rcx,0Ah
;;   20 cmovae rdx,rax
;;   24 mov rax,[rdx] ; UndefinedElement
;;   27 test rax,rax
;;   2a je near 5Bh
;;   30 mov edx,[rax+18h]
;;   33 mov rsi,[rdi+10h]
;;   37 mov esi,[rsi]
;;   39 cmp edx,esi
;;   3b jne near 5Bh
;;   41 mov r10,[rax+8]
;;   45 mov rdi,[rax+10h]
;;   49 mov rsi,rbx
;;   4c mov rbx,[rsp]
;;   50 add rsp,10h
;;   54 mov rsp,rbp
;;   57 pop rbp
;;   58 jmp r10
;;   5b mov rax,[rdi]
;;   5e mov rax,[rax+70h]
;;   62 mov esi,1
;;   67 xor rdx,rdx
;;   6a call rax
;;   6c jmp 41h
;; function 5:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,10h
;;    8 mov [rsp],r15
;;    c mov r15,rsi
;;    f mov eax,[rdx+18h] ; NullFunctionReference
;;   12 cmp eax,10000000h
;;   17 jae near 37h
;;   1d mov rax,[rdx+8]
;;   21 mov rdi,[rdx+10h]
;;   25 mov rsi,r15
;;   28 call rax
;;   2a mov r15,[rsp]
;;   2e add rsp,10h
;;   32 mov rsp,rbp
;;   35 pop rbp
;;   36 ret
;;   37 mov rax,[rdi]
;;   3a mov rax,[rax+78h]
;;   3e xor rsi,rsi
;;   41 call rax
;;   43 mov rdx,rax
;;   46 jmp 1Dh
;; function 6:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 mov rax,rsi
;;    7 mov r8,[rdi]
;;    a mov r8,[r8]
;;    d xor rsi,rsi
;;   10 mov edx,eax
;;   12 call r8
;;   15 mov rsp,rbp
;;   18 pop rbp
;;   19 ret
