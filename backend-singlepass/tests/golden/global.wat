;; Globals: defined ones in the context, imported ones behind a pointer.
(module
  (import "m" "a" (global $a (mut i32)))
  (import "m" "b" (global $b (mut i32)))
  (global $c (mut i32) (i32.const 0))
  (global $d (mut i32) (i32.const 0))
  (func (result i32) global.get $c i32.const 1 global.set $d global.get $c i32.add)
  (func (result i32) global.get $a i32.const 1 global.set $b global.get $a i32.add))
;; machine code
;; function 0:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f mov eax,[r14+20h]
;;   13 mov dword [r14+30h],1
;;   1b add eax,[r14+20h]
;;   1f leave
;;   20 ret
;; function 1:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f mov rax,[r14+40h]
;;   13 mov eax,[rax]
;;   15 mov rcx,[r14+48h]
;;   19 mov dword [rcx],1
;;   1f mov rcx,[r14+40h]
;;   23 add eax,[rcx]
;;   25 leave
;;   26 ret
