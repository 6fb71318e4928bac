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
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f xor r8d,r8d
;;   12 add r8d,ebx
;;   15 add ebx,0FFFFFFFFh
;;   18 jne short 12h
;;   1a mov eax,r8d
;;   1d leave
;;   1e ret
;; function 1:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f mov eax,ebx
;;   11 cmp eax,3
;;   14 jae near 44h
;;   1a lea rcx,[rel 2Ah]
;;   21 movsxd rax,[rcx+rax*4]
;;   25 add rax,rcx
;;   28 jmp rax
;;   2a a table of 3 entries
;;   36 mov eax,1
;;   3b leave
;;   3c ret
;;   3d mov eax,2
;;   42 leave
;;   43 ret
;;   44 mov eax,3
;;   49 leave
;;   4a ret
;; function 2:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f test r8d,r8d
;;   12 je near 1Fh
;;   18 mov eax,ebx
;;   1a jmp 21h
;;   1f mov eax,ebx
;;   21 leave
;;   22 ret
;; function 3:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f test ebx,ebx
;;   11 je near 19h
;;   17 ud2 ; Unreachable
;;   19 leave
;;   1a ret
