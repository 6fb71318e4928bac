;; Control: a loop with a conditional branch back, a table, a return out of a block, a trap.
(module
  (func (param i32) (result i32) (local i32)
    loop $again
      local.get 1 local.get 0 i32.add local.set 1
      local.get 0 i32.const 1 i32.sub local.tee 0
      br_if $again
    end
    local.get 1)
  (func (param i32) (result i32)
    block $a block $b block $c
      local.get 0 br_table $a $b $c $a
    end i32.const 1 return
    end i32.const 2 return
    end i32.const 3)
  (func (param i32 i32) (result i32) local.get 0 local.get 1 br_if 0)
  (func (param i32) local.get 0 if unreachable end))
;; machine code
;; function 0:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 xor eax,eax
;;    6 mov r8,rsi
;;    9 sub r8d,1
;;    d add eax,esi
;;    f test r8d,r8d
;;   12 je near 20h
;;   18 mov rsi,r8
;;   1b jmp 6
;;   20 mov rsp,rbp
;;   23 pop rbp
;;   24 ret
;; function 1:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 mov edi,3
;;    9 mov r8d,esi
;;    c cmp r8d,edi
;;    f cmovb edi,r8d
;;   13 lea rcx,[rel 23h]
;;   1a movsxd rax,[rcx+rdi*4]
;;   1e add rcx,rax
;;   21 jmp rcx
;;   23 a table of 4 entries
;;   33 jmp 4Ch
;;   38 mov eax,1
;;   3d mov rsp,rbp
;;   40 pop rbp
;;   41 ret
;;   42 mov eax,2
;;   47 mov rsp,rbp
;;   4a pop rbp
;;   4b ret
;;   4c mov eax,3
;;   51 mov rsp,rbp
;;   54 pop rbp
;;   55 ret
;; function 2:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 test edx,edx
;;    6 je near 14h
;;    c mov rax,rsi
;;    f jmp 17h
;;   14 mov rax,rsi
;;   17 mov rsp,rbp
;;   1a pop rbp
;;   1b ret
;; function 3:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 test esi,esi
;;    6 jne near 11h
;;    c mov rsp,rbp
;;    f pop rbp
;;   10 ret
;;   11 ud2 ; Unreachable
