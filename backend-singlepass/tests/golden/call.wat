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
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f call 14h ; Function(DefinedFuncIdx(0))
;;   14 leave
;;   15 ret
;; function 1:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f leave
;;   10 jmp 15h ; Function(DefinedFuncIdx(0))
;; function 2:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f mov rax,[r14+50h]
;;   13 mov r14,[r14+58h]
;;   17 call rax
;;   19 leave
;;   1a ret
;; function 3:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f mov [rbp-10h],ebx
;;   12 mov eax,r8d
;;   15 cmp rax,[r14+38h]
;;   19 mov edx,0
;;   1e mov rcx,[r14+30h]
;;   22 lea rcx,[rcx+rax*8]
;;   26 cmovae rcx,rdx
;;   2a mov rcx,[rcx] ; UndefinedElement
;;   2d test rcx,rcx
;;   30 je near 4Eh
;;   36 mov rdx,[r14+10h]
;;   3a mov edx,[rdx]
;;   3c cmp edx,[rcx+18h]
;;   3f jne near 4Eh
;;   45 mov r14,[rcx+10h]
;;   49 call qword [rcx+8]
;;   4c leave
;;   4d ret
;;   4e mov rcx,rax
;;   51 xor esi,esi
;;   53 xor edx,edx
;;   55 mov rdi,r14
;;   58 mov rax,[r14]
;;   5b call qword [rax+70h]
;;   5e mov rcx,rax
;;   61 mov r14,[rbp-8]
;;   65 mov ebx,[rbp-10h]
;;   68 jmp short 45h
;; function 4:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f mov [rbp-10h],ebx
;;   12 mov eax,r8d
;;   15 cmp rax,0Ah
;;   19 mov edx,0
;;   1e mov rcx,[r14+40h]
;;   22 lea rcx,[rcx+rax*8]
;;   26 cmovae rcx,rdx
;;   2a mov rcx,[rcx] ; UndefinedElement
;;   2d test rcx,rcx
;;   30 je near 4Dh
;;   36 mov rdx,[r14+10h]
;;   3a mov edx,[rdx]
;;   3c cmp edx,[rcx+18h]
;;   3f jne near 4Dh
;;   45 leave
;;   46 mov r14,[rcx+10h]
;;   4a jmp qword [rcx+8]
;;   4d mov rcx,rax
;;   50 mov esi,1
;;   55 xor edx,edx
;;   57 mov rdi,r14
;;   5a mov rax,[r14]
;;   5d call qword [rax+70h]
;;   60 mov rcx,rax
;;   63 mov r14,[rbp-8]
;;   67 mov ebx,[rbp-10h]
;;   6a jmp short 45h
;; function 5:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f mov [rbp-10h],ebx
;;   12 mov rax,r8
;;   15 mov ecx,[rax+18h] ; NullFunctionReference
;;   18 shr ecx,1Ch
;;   1b cmp ecx,1
;;   1e jne near 2Dh
;;   24 mov r14,[rax+10h]
;;   28 call qword [rax+8]
;;   2b leave
;;   2c ret
;;   2d mov rdx,rax
;;   30 xor esi,esi
;;   32 mov rdi,r14
;;   35 mov rax,[r14]
;;   38 call qword [rax+78h]
;;   3b mov r14,[rbp-8]
;;   3f mov ebx,[rbp-10h]
;;   42 jmp short 24h
;; function 6:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f mov rdi,r14
;;   12 mov edx,ebx
;;   14 xor esi,esi
;;   16 mov rax,[r14]
;;   19 call qword [rax]
;;   1b mov eax,eax
;;   1d leave
;;   1e ret
