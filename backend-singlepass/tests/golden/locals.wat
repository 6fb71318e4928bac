;; Locals: results go straight to the registers of locals, constants and unread locals cost nothing, calls store what is used later.
(module
  (func (param i32 i32) (local i32) local.get 0 local.get 1 i32.sub local.set 2 local.get 2 local.get 0 i32.store)
  (func (param i32) (result i32) local.get 0 local.get 0 i32.const 1 i32.add local.set 0 local.get 0 i32.mul)
  (func $f (param i32 i32) (result i32) local.get 0 call $g local.get 0 i32.add)
  (func $g (param i32) (result i32) local.get 0 i32.eqz if (result i32) i32.const 1 else local.get 0 end)
  (func (param i32) (result i32) local.get 0 i32.const 3 i32.and i32.eqz if local.get 0 i32.const 1 i32.shl local.set 0 end local.get 0)
  (func (param i64 i32) (result i64) local.get 0 local.get 1 i32.load8_s i64.extend_i32_s i64.add)
  (memory 1))
;; machine code
;; function 0:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f mov r9d,ebx
;;   12 sub r9d,r8d
;;   15 mov r15,[r14+20h]
;;   19 mov [r15+r9],ebx
;;   1d leave
;;   1e ret
;; function 1:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f mov eax,ebx
;;   11 add ebx,1
;;   14 imul eax,ebx
;;   17 leave
;;   18 ret
;; function 2:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f mov [rbp-18h],r8d
;;   13 mov [rbp-10h],ebx
;;   16 call 1Bh ; Function(DefinedFuncIdx(3))
;;   1b mov ebx,[rbp-10h]
;;   1e add eax,ebx
;;   20 leave
;;   21 ret
;; function 3:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f test ebx,ebx
;;   11 jne near 21h
;;   17 mov eax,1
;;   1c jmp 23h
;;   21 mov eax,ebx
;;   23 leave
;;   24 ret
;; function 4:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f test ebx,3
;;   15 jne near 1Eh
;;   1b shl ebx,1
;;   1e mov eax,ebx
;;   20 leave
;;   21 ret
;; function 5:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f mov r15,[r14+20h]
;;   13 movsx eax,byte [r15+r8]
;;   18 movsxd rax,eax
;;   1b add rax,rbx
;;   1e leave
;;   1f ret
