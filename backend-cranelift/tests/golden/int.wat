;; Integers: a comparison that feeds a branch or select makes no boolean; division checks zero itself.
(module
  (func (param i32 i32) (result i32) local.get 0 local.get 1 i32.div_s)
  (func (param i32 i32) (result i32) local.get 0 local.get 1 i32.rem_s)
  (func (param i64 i64) (result i64) local.get 0 local.get 1 i64.rotl)
  (func (param i32 i32) (result i32) local.get 0 local.get 1 local.get 0 local.get 1 i32.lt_s select)
  (func (param i64 i64 i64 i64) (result i64 i64) local.get 0 local.get 1 local.get 2 local.get 3 i64.add128)
  (func (param i64 i64) (result i64 i64) local.get 0 local.get 1 i64.mul_wide_u))
;; machine code
;; function 0:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 mov rax,rsi
;;    7 mov r11,rdx
;;    a cdq
;;    b test r11d,r11d
;;    e je near 1Ch
;;   14 idiv r11d ; IntegerOverflow
;;   17 mov rsp,rbp
;;   1a pop rbp
;;   1b ret
;;   1c ud2 ; IntegerDivideByZero
;; function 1:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 mov rax,rsi
;;    7 mov r9,rdx
;;    a cdq
;;    b cmp r9d,0FFFFFFFFh
;;    f jne near 1Fh
;;   15 mov edx,0
;;   1a jmp 22h
;;   1f idiv r9d ; IntegerDivideByZero
;;   22 mov rax,rdx
;;   25 mov rsp,rbp
;;   28 pop rbp
;;   29 ret
;; function 2:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 mov rcx,rdx
;;    7 mov rax,rsi
;;    a rol rax,cl
;;    d mov rsp,rbp
;;   10 pop rbp
;;   11 ret
;; function 3:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 cmp edx,esi
;;    6 mov rax,rsi
;;    9 cmovl eax,edx
;;    c mov rsp,rbp
;;    f pop rbp
;;   10 ret
;; function 4:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 mov rax,rsi
;;    7 add rax,rcx
;;    a mov rcx,rdx
;;    d adc rcx,r8
;;   10 mov rsp,rbp
;;   13 pop rbp
;;   14 ret
;; function 5:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 mov rax,rdx
;;    7 mov rdx,rsi
;;    a mov rsi,rax
;;    d mulx rcx,rax,rsi
;;   12 mov rsp,rbp
;;   15 pop rbp
;;   16 ret
