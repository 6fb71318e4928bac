;; Floating point: rounding is an instruction, minimum and truncation have the specification's care for NaN.
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
;;    f vroundsd xmm0,xmm7,xmm7,8
;;   15 leave
;;   16 ret
;; function 1:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f vmovaps xmm0,xmm7
;;   13 vucomiss xmm0,xmm8
;;   18 jne short 2Ah
;;   1a jp short 23h
;;   1c vorps xmm0,xmm0,xmm8
;;   21 jmp short 2Fh
;;   23 vaddss xmm0,xmm0,xmm8
;;   28 jmp short 2Fh
;;   2a vminss xmm0,xmm0,xmm8
;;   2f leave
;;   30 ret
;; function 2:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f vcvttsd2si eax,xmm7
;;   13 cmp eax,1
;;   16 jno near 44h
;;   1c vucomisd xmm7,xmm7
;;   20 jp near 46h
;;   26 vucomisd xmm7,[rel 50h]
;;   2e jbe near 48h
;;   34 vxorps xmm15,xmm15,xmm15
;;   39 vucomisd xmm7,xmm15
;;   3e ja near 4Ah
;;   44 leave
;;   45 ret
;;   46 ud2 ; InvalidConversionToInteger
;;   48 ud2 ; IntegerOverflow
;;   4a ud2 ; IntegerOverflow
;; function 3:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f vucomiss xmm7,[rel 60h]
;;   17 jae near 2Fh
;;   1d vcvttss2si rax,xmm7
;;   22 test rax,rax
;;   25 jns near 4Fh
;;   2b xor eax,eax
;;   2d jmp short 4Fh
;;   2f vsubss xmm15,xmm7,[rel 60h]
;;   37 vcvttss2si rax,xmm15
;;   3c test rax,rax
;;   3f jns short 4Ah
;;   41 mov rax,0FFFFFFFFFFFFFFFFh
;;   48 jmp short 4Fh
;;   4a btc rax,3Fh
;;   4f leave
;;   50 ret
