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
;;    4 vxorpd xmm4,xmm2,xmm2
;;    8 vroundsd xmm0,xmm4,xmm0,0
;;    e mov rsp,rbp
;;   11 pop rbp
;;   12 ret
;; function 1:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 movdqa xmm4,xmm0
;;    8 movdqa xmm0,xmm1
;;    c ucomiss xmm0,xmm4
;;    f jne near 2Dh
;;   15 jp near 23h
;;   1b orps xmm0,xmm4
;;   1e jmp 31h
;;   23 addss xmm0,xmm4
;;   27 jp near 31h
;;   2d minss xmm0,xmm4
;;   31 mov rsp,rbp
;;   34 pop rbp
;;   35 ret
;; function 2:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 cvttsd2si eax,xmm0
;;    8 cmp eax,1
;;    b jno near 42h
;;   11 ucomisd xmm0,xmm0
;;   15 jp near 47h
;;   1b mov rsi,0C1E0000000200000h
;;   25 movq xmm3,rsi
;;   2a ucomisd xmm0,xmm3
;;   2e jbe near 49h
;;   34 xorpd xmm3,xmm3
;;   38 ucomisd xmm3,xmm0
;;   3c jb near 4Bh
;;   42 mov rsp,rbp
;;   45 pop rbp
;;   46 ret
;;   47 ud2 ; InvalidConversionToInteger
;;   49 ud2 ; IntegerOverflow
;;   4b ud2 ; IntegerOverflow
;; function 3:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 mov esi,5F000000h
;;    9 movd xmm3,esi
;;    d ucomiss xmm0,xmm3
;;   10 jae near 3Bh
;;   16 jnp near 24h
;;   1c xor rax,rax
;;   1f jmp 6Ah
;;   24 cvttss2si rax,xmm0
;;   29 cmp rax,0
;;   2d jge near 6Ah
;;   33 xor rax,rax
;;   36 jmp 6Ah
;;   3b movaps xmm4,xmm0
;;   3e subss xmm4,xmm3
;;   42 cvttss2si rax,xmm4
;;   47 cmp rax,0
;;   4b jge near 5Dh
;;   51 mov rax,0FFFFFFFFFFFFFFFFh
;;   58 jmp 6Ah
;;   5d mov rsi,8000000000000000h
;;   67 add rax,rsi
;;   6a mov rsp,rbp
;;   6d pop rbp
;;   6e ret
