;; References and tables: null tests, the traps of null, elements by libcalls, a function's own reference.
(module
  (type $t (func))
  (table $table 10 externref)
  (func $f (export "f") (type $t))
  (func (param externref) (result i32) local.get 0 ref.is_null)
  (func (param (ref null $t)) (result (ref $t)) local.get 0 ref.as_non_null)
  (func (param (ref null $t)) block local.get 0 br_on_null 0 drop end)
  (func (param (ref null $t)) (result i32)
    block $some (result (ref $t)) local.get 0 br_on_non_null $some i32.const 0 return end drop i32.const 1)
  (func (result funcref) ref.func $f)
  (func (param i32) (result externref) local.get 0 table.get $table)
  (func (param i32 externref) local.get 0 local.get 1 table.set $table)
  (func (result i32) table.size $table))
;; machine code
;; function 0:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,10h
;;    b mov [rbp-8],r14
;;    f leave
;;   10 ret
;; function 1:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f test rbx,rbx
;;   12 sete al
;;   15 movzx eax,al
;;   18 leave
;;   19 ret
;; function 2:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f mov rax,rbx
;;   12 test rax,rax
;;   15 je near 1Dh
;;   1b leave
;;   1c ret
;;   1d ud2 ; NullReference
;; function 3:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f test rbx,rbx
;;   12 je near 18h
;;   18 leave
;;   19 ret
;; function 4:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f test rbx,rbx
;;   12 je near 20h
;;   18 mov rax,rbx
;;   1b jmp 24h
;;   20 xor eax,eax
;;   22 leave
;;   23 ret
;;   24 mov eax,1
;;   29 leave
;;   2a ret
;; function 5:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,10h
;;    b mov [rbp-8],r14
;;    f mov rdi,r14
;;   12 xor esi,esi
;;   14 mov rax,[r14]
;;   17 call qword [rax+68h]
;;   1a leave
;;   1b ret
;; function 6:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f mov rdi,r14
;;   12 mov edx,ebx
;;   14 xor esi,esi
;;   16 mov rax,[r14]
;;   19 call qword [rax+28h]
;;   1c leave
;;   1d ret
;; function 7:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f mov rdi,r14
;;   12 mov edx,ebx
;;   14 mov rcx,r8
;;   17 xor esi,esi
;;   19 mov rax,[r14]
;;   1c call qword [rax+30h]
;;   1f leave
;;   20 ret
;; function 8:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,10h
;;    b mov [rbp-8],r14
;;    f mov rdi,r14
;;   12 xor esi,esi
;;   14 mov rax,[r14]
;;   17 call qword [rax+38h]
;;   1a mov eax,eax
;;   1c leave
;;   1d ret
