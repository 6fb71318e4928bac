;; 64-bit memories: the check does not wrap around, and a wrong guess of the processor's reads nothing.
(module
  (memory i64 1)
  (func (param i64) (result i64) local.get 0 i64.load offset=8)
  (func (param i64 i32) local.get 0 local.get 1 i32.store8))
;; machine code
;; function 0:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 mov r11,[rdi+28h]
;;    8 mov r11,[r11]
;;    b mov rax,rsi
;;    e add rax,10h
;;   12 jb near 33h
;;   18 xor rcx,rcx
;;   1b mov rdx,[rdi+20h]
;;   1f lea rdx,[rdx+rsi+8]
;;   24 cmp rax,r11
;;   27 cmova rdx,rcx
;;   2b mov rax,[rdx] ; MemoryOutOfBounds
;;   2e mov rsp,rbp
;;   31 pop rbp
;;   32 ret
;;   33 ud2 ; MemoryOutOfBounds
;; function 1:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 mov r10,[rdi+28h]
;;    8 mov r10,[r10]
;;    b mov r11,rsi
;;    e add r11,1
;;   12 jb near 2Dh
;;   18 xor rax,rax
;;   1b add rsi,[rdi+20h]
;;   1f cmp r11,r10
;;   22 cmova rsi,rax
;;   26 mov [rsi],dl ; MemoryOutOfBounds
;;   28 mov rsp,rbp
;;   2b pop rbp
;;   2c ret
;;   2d ud2 ; MemoryOutOfBounds
