;; Vectors, with SSE4.1 alone.
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
;;    4 sub rsp,50h
;;    b mov [rbp-8],r14
;;    f movaps xmm0,xmm7
;;   12 pmaddwd xmm0,xmm8
;;   17 leave
;;   18 ret
;; function 1:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,50h
;;    b mov [rbp-8],r14
;;    f movaps xmm0,xmm8
;;   13 minps xmm0,xmm7
;;   16 leave
;;   17 ret
;; function 2:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,70h
;;    b mov [rbp-8],r14
;;    f movaps xmm0,xmm7
;;   12 mulps xmm0,xmm8
;;   16 addps xmm0,xmm9
;;   1a leave
;;   1b ret
;; function 3:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,50h
;;    b mov [rbp-8],r14
;;    f movaps xmm0,xmm7
;;   12 pshufb xmm0,xmm8
;;   18 leave
;;   19 ret
;; function 4:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f movaps xmm15,xmm7
;;   13 cmpeqpd xmm15,xmm7
;;   19 pand xmm15,[rel 30h]
;;   22 movaps xmm0,xmm7
;;   25 minpd xmm0,xmm15
;;   2a cvttpd2dq xmm0,xmm0
;;   2e leave
;;   2f ret
;; function 5:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f mov r15,[r14+20h]
;;   13 pmovsxwd xmm0,[r15+rbx]
;;   1a leave
;;   1b ret
;; function 6:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,40h
;;    b mov [rbp-8],r14
;;    f mov r15,[r14+20h]
;;   13 movaps xmm0,xmm7
;;   16 pinsrd xmm0,[r15+rbx],2
;;   1e leave
;;   1f ret
