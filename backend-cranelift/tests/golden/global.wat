;; Globals: defined ones in the context, imported ones behind a pointer; a store to one does not spoil what is known of
;; another, but imported ones may be the same.
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
;;    4 mov esi,[rdi+20h]
;;    7 mov dword [rdi+30h],1
;;    e lea eax,[rsi+rsi]
;;   11 mov rsp,rbp
;;   14 pop rbp
;;   15 ret
;; function 1:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 mov rsi,[rdi+40h]
;;    8 mov eax,[rsi]
;;    a mov rdi,[rdi+48h]
;;    e mov dword [rdi],1
;;   14 add eax,[rsi]
;;   16 mov rsp,rbp
;;   19 pop rbp
;;   1a ret
