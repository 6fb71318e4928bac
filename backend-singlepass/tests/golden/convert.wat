;; Conversions: those that cost nothing, between widths, between integers and floating point numbers, with and without traps.
(module
  (memory 1)
  (func (param i64) (result i32) local.get 0 i32.wrap_i64)
  (func (param i32) (result i64) local.get 0 i64.extend_i32_s)
  (func (param i32) (result i64) local.get 0 i32.load8_u i64.extend_i32_u)
  (func (param i32 i32) (result i64) local.get 0 local.get 1 i32.mul i64.extend_i32_u)
  (func (param i32) (result f64) local.get 0 f64.convert_i32_u)
  (func (param i64) (result f32) local.get 0 f32.convert_i64_s)
  (func (param f32) (result f64) local.get 0 f64.promote_f32)
  (func (param f64) (result i64) local.get 0 i64.reinterpret_f64)
  (func (param f64) (result i32) local.get 0 i32.trunc_f64_s)
  (func (param f32) (result i64) local.get 0 i64.trunc_sat_f32_u))
;; machine code
;; function 0:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f mov eax,ebx
;;   11 leave
;;   12 ret
;; function 1:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f movsxd rax,ebx
;;   12 leave
;;   13 ret
;; function 2:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f mov r15,[r14+20h]
;;   13 movzx eax,byte [r15+rbx]
;;   18 leave
;;   19 ret
;; function 3:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f mov eax,ebx
;;   11 imul eax,r8d
;;   15 leave
;;   16 ret
;; function 4:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f vxorps xmm0,xmm0,xmm0
;;   13 vcvtsi2sd xmm0,xmm0,rbx
;;   18 leave
;;   19 ret
;; function 5:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f vxorps xmm0,xmm0,xmm0
;;   13 vcvtsi2ss xmm0,xmm0,rbx
;;   18 leave
;;   19 ret
;; function 6:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f vcvtss2sd xmm0,xmm7,xmm7
;;   13 leave
;;   14 ret
;; function 7:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f vmovq rax,xmm7
;;   14 leave
;;   15 ret
;; function 8:
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
;; function 9:
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
