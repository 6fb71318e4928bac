;; Wide arithmetic: sums with carry, products of 128 bits.
(module
  (func (param i64 i64 i64 i64) (result i64 i64)
    local.get 0 local.get 1 local.get 2 local.get 3 i64.add128)
  (func (param i64 i64 i64 i64) (result i64 i64)
    local.get 0 local.get 1 local.get 2 local.get 3 i64.sub128)
  (func (param i64 i64) (result i64 i64) local.get 0 local.get 1 i64.mul_wide_s)
  (func (param i64) (result i64 i64) local.get 0 i64.const 1000 i64.mul_wide_u))
;; machine code
;; function 0:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,50h
;;    b mov [rbp-8],r14
;;    f mov rax,rbx
;;   12 mov rcx,r8
;;   15 add rax,r9
;;   18 adc rcx,r10
;;   1b leave
;;   1c ret
;; function 1:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,50h
;;    b mov [rbp-8],r14
;;    f mov rax,rbx
;;   12 mov rcx,r8
;;   15 sub rax,r9
;;   18 sbb rcx,r10
;;   1b leave
;;   1c ret
;; function 2:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f mov rax,rbx
;;   12 imul r8
;;   15 mov rcx,rdx
;;   18 leave
;;   19 ret
;; function 3:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f mov ecx,3E8h
;;   14 mov rax,rbx
;;   17 mul rcx
;;   1a mov rcx,rdx
;;   1d leave
;;   1e ret
