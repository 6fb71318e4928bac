;; Integers: a comparison that feeds a branch or select makes no boolean; division checks zero itself; a sum with a shifted operand is an
;; address; what has set the zero flag is not compared with zero.
(module
  (func (param i32 i32) (result i32) local.get 0 local.get 1 i32.div_s)
  (func (param i32 i32) (result i32) local.get 0 local.get 1 i32.rem_s)
  (func (param i64 i64) (result i64) local.get 0 local.get 1 i64.rotl)
  (func (param i32) (result i32) local.get 0 i32.const 7 i32.rotl)
  (func (param i32 i32) (result i32) local.get 0 local.get 1 local.get 0 local.get 1 i32.lt_s select)
  (func (param i32 i32) (result i32) local.get 0 local.get 1 i32.const 2 i32.shl i32.add)
  (func (param i32 i32) (result i32) local.get 0 local.get 1 i32.sub local.tee 0 i32.eqz))
;; machine code
;; function 0:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f mov eax,ebx
;;   11 test r8d,r8d
;;   14 je near 20h
;;   1a cdq
;;   1b idiv r8d ; IntegerOverflow
;;   1e leave
;;   1f ret
;;   20 ud2 ; IntegerDivideByZero
;; function 1:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f mov eax,ebx
;;   11 xor edx,edx
;;   13 cmp r8d,0FFFFFFFFh
;;   17 je short 1Dh
;;   19 cdq
;;   1a idiv r8d ; IntegerDivideByZero
;;   1d mov eax,edx
;;   1f leave
;;   20 ret
;; function 2:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f mov rcx,r8
;;   12 mov rax,rbx
;;   15 rol rax,cl
;;   18 leave
;;   19 ret
;; function 3:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f rorx eax,ebx,19h
;;   15 leave
;;   16 ret
;; function 4:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,40h
;;    b mov [rbp-8],r14
;;    f mov eax,ebx
;;   11 cmp ebx,r8d
;;   14 cmovge eax,r8d
;;   18 leave
;;   19 ret
;; function 5:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f lea eax,[rbx+r8*4]
;;   13 leave
;;   14 ret
;; function 6:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f sub ebx,r8d
;;   12 sete al
;;   15 movzx eax,al
;;   18 leave
;;   19 ret
