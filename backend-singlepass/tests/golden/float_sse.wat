;; Floating point, without AVX: two operands, one of them the result.
(module
  (func (param f64) (result f64) local.get 0 f64.nearest)
  (func (param f32 f32) (result f32) local.get 0 local.get 1 f32.min)
  (func (param f64) (result i32) local.get 0 i32.trunc_f64_s)
  (func (param f32) (result i64) local.get 0 i64.trunc_sat_f32_u))
;; machine code
;; function 0:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f roundsd xmm0,xmm7,8
;;   15 leave
;;   16 ret
;; function 1:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f movaps xmm0,xmm7
;;   12 ucomiss xmm0,xmm8
;;   16 jne short 27h
;;   18 jp short 20h
;;   1a orps xmm0,xmm8
;;   1e jmp short 2Ch
;;   20 addss xmm0,xmm8
;;   25 jmp short 2Ch
;;   27 minss xmm0,xmm8
;;   2c leave
;;   2d ret
;; function 2:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f cvttsd2si eax,xmm7
;;   13 cmp eax,1
;;   16 jno near 43h
;;   1c ucomisd xmm7,xmm7
;;   20 jp near 45h
;;   26 ucomisd xmm7,[rel 50h]
;;   2e jbe near 47h
;;   34 xorps xmm15,xmm15
;;   38 ucomisd xmm7,xmm15
;;   3d ja near 49h
;;   43 leave
;;   44 ret
;;   45 ud2 ; InvalidConversionToInteger
;;   47 ud2 ; IntegerOverflow
;;   49 ud2 ; IntegerOverflow
;; function 3:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f ucomiss xmm7,[rel 60h]
;;   16 jae near 2Eh
;;   1c cvttss2si rax,xmm7
;;   21 test rax,rax
;;   24 jns near 53h
;;   2a xor eax,eax
;;   2c jmp short 53h
;;   2e movaps xmm15,xmm7
;;   32 subss xmm15,[rel 60h]
;;   3b cvttss2si rax,xmm15
;;   40 test rax,rax
;;   43 jns short 4Eh
;;   45 mov rax,0FFFFFFFFFFFFFFFFh
;;   4c jmp short 53h
;;   4e btc rax,3Fh
;;   53 leave
;;   54 ret
