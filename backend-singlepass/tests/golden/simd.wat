;; Vectors, with AVX.
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
;;    f vpmaddwd xmm0,xmm7,xmm8
;;   14 leave
;;   15 ret
;; function 1:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,50h
;;    b mov [rbp-8],r14
;;    f vminps xmm0,xmm8,xmm7
;;   13 leave
;;   14 ret
;; function 2:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,70h
;;    b mov [rbp-8],r14
;;    f vmovaps xmm0,xmm7
;;   13 vfmadd213ps xmm0,xmm8,xmm9
;;   18 leave
;;   19 ret
;; function 3:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,50h
;;    b mov [rbp-8],r14
;;    f vpshufb xmm0,xmm7,xmm8
;;   14 leave
;;   15 ret
;; function 4:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f vcmpeqpd xmm15,xmm7,xmm7
;;   14 vpand xmm15,xmm15,[rel 30h]
;;   1c vminpd xmm0,xmm7,xmm15
;;   21 vcvttpd2dq xmm0,xmm0
;;   25 leave
;;   26 ret
;; function 5:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f mov r15,[r14+20h]
;;   13 vpmovsxwd xmm0,[r15+rbx]
;;   19 leave
;;   1a ret
;; function 6:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,40h
;;    b mov [rbp-8],r14
;;    f mov r15,[r14+20h]
;;   13 vmovaps xmm0,xmm7
;;   17 vpinsrd xmm0,xmm0,[r15+rbx],2
;;   1e leave
;;   1f ret
