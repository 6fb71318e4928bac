;; Vectors: the patterns that have an instruction of their own are found.
(module
  (memory 1)
  (func (param v128 v128) (result v128) local.get 0 local.get 1 i32x4.dot_i16x8_s)
  (func (param v128 v128) (result v128) local.get 0 local.get 1 f32x4.pmin)
  (func (param v128 v128 v128) (result v128) local.get 0 local.get 1 local.get 2 f32x4.relaxed_madd)
  (func (param v128 v128) (result v128) local.get 0 local.get 1 i8x16.relaxed_swizzle)
  (func (param v128) (result v128) local.get 0 i32x4.trunc_sat_f64x2_s_zero)
  (func (param i32) local.get 0 v128.load16x4_s drop)
  (func (param i32 v128) (result v128) local.get 0 local.get 1 v128.load32_lane 2))
;; machine code
;; function 0:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 vpmaddwd xmm0,xmm0,xmm1
;;    8 mov rsp,rbp
;;    b pop rbp
;;    c ret
;; function 1:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 vminps xmm0,xmm1,xmm0
;;    8 mov rsp,rbp
;;    b pop rbp
;;    c ret
;; function 2:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 vfmadd213ps xmm0,xmm1,xmm2
;;    9 mov rsp,rbp
;;    c pop rbp
;;    d ret
;; function 3:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 vpshufb xmm0,xmm0,xmm1
;;    9 mov rsp,rbp
;;    c pop rbp
;;    d ret
;; function 4:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 vcmpeqpd xmm2,xmm0,xmm0
;;    9 vandps xmm4,xmm2,[rel 20h]
;;   11 vminpd xmm6,xmm0,xmm4
;;   15 vcvttpd2dq xmm0,xmm6
;;   19 mov rsp,rbp
;;   1c pop rbp
;;   1d ret
;; function 5:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 mov r8,rsi
;;    7 mov rsi,[rdi+20h]
;;    b mov rdi,r8
;;    e mov edi,edi
;;   10 vpmovsxwd xmm5,[rsi+rdi]
;;   16 mov rsp,rbp
;;   19 pop rbp
;;   1a ret
;; function 6:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 mov r8,rsi
;;    7 mov rsi,[rdi+20h]
;;    b mov edi,r8d
;;    e vpinsrd xmm0,xmm0,[rsi+rdi],2
;;   15 mov rsp,rbp
;;   18 pop rbp
;;   19 ret
