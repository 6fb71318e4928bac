;; Exceptions: regions, throws to callers and to a landing of the same function, values, both encodings.
(module
  (tag $none)
  (tag $values (param i32 f64))
  (func $throw (param i32 f64) local.get 0 local.get 1 throw $values)
  (func $catch (param i32) (result i32)
    block
      try_table (catch $none 0)
        local.get 0
        f64.const 1
        call $throw
        i32.const 5
        local.set 0
      end
    end
    local.get 0)
  ;; The operand below the region is in its place.
  (func $catch_values (param i64) (result i64 i32 f64)
    local.get 0
    block (result i32 f64)
      try_table (catch $values 0)
        i64.const 0
        local.set 0
        i32.const 1
        f64.const 1
        call $throw
      end
      unreachable
    end)
  ;; What is thrown here finds the local in its register, what a call throws does not.
  (func $branch (param i32) (result i32)
    block
      try_table (catch_all 0)
        local.get 0
        i32.const 1
        i32.add
        local.tee 0
        if throw $none end
        local.get 0
        f64.const 1
        call $throw
      end
    end
    local.get 0)
  ;; Nothing is thrown.
  (func $dead (param i32) (result i32)
    block
      try_table (result i32) (catch_all 0)
        local.get 0
      end
      return
    end
    i32.const 1)
  (func $legacy (param i32)
    try
      i32.const 1
      f64.const 1
      call $throw
    catch $none
      rethrow 0
    end))
;; machine code
;; function 0:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f mov rax,[r14+8]
;;   13 vmovsd [rax+50h],xmm7
;;   18 mov rax,[r14+8]
;;   1c mov [rax+40h],ebx
;;   1f mov rax,[r14+8]
;;   23 mov rcx,[r14+28h]
;;   27 mov [rax+20h],rcx
;;   2b lea rcx,[rax+40h]
;;   2f mov [rax+28h],rcx
;;   33 mov qword [rax+30h],0
;;   3b mov rdi,r14
;;   3e mov rax,[r14]
;;   41 call qword [rax+98h]
;;   47 ud2 ; Unreachable
;; function 1:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f mov [rbp-10h],ebx
;;   12 vmovsd xmm7,[rel 60h]
;;   1a call 1Fh ; Function(DefinedFuncIdx(0)) ; lands at 29
;;   1f mov ebx,5
;;   24 jmp 52h
;;   29 mov r14,[rbp-8]
;;   2d mov rax,[r14+8]
;;   31 mov rax,[rax+20h]
;;   35 cmp rax,[r14+20h]
;;   39 jne near 44h
;;   3f jmp 55h
;;   44 mov rdi,r14
;;   47 mov rax,[r14]
;;   4a call qword [rax+98h]
;;   50 ud2 ; Unreachable
;;   52 mov [rbp-10h],ebx
;;   55 mov eax,[rbp-10h]
;;   58 leave
;;   59 ret
;; function 2:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f mov [rbp-18h],rbx
;;   13 xor ebx,ebx
;;   15 mov ebx,1
;;   1a vmovsd xmm7,[rel 90h]
;;   22 call 27h ; Function(DefinedFuncIdx(0)) ; lands at 2c
;;   27 jmp 74h
;;   2c mov r14,[rbp-8]
;;   30 mov rax,[r14+8]
;;   34 mov rax,[rax+20h]
;;   38 cmp rax,[r14+28h]
;;   3c jne near 66h
;;   42 mov rax,[r14+8]
;;   46 mov rax,[rax+28h]
;;   4a mov eax,[rax]
;;   4c mov rcx,[r14+8]
;;   50 mov rcx,[rcx+28h]
;;   54 vmovsd xmm0,[rcx+10h]
;;   59 mov [rbp-20h],eax
;;   5c vmovsd [rbp-28h],xmm0
;;   61 jmp 76h
;;   66 mov rdi,r14
;;   69 mov rax,[r14]
;;   6c call qword [rax+98h]
;;   72 ud2 ; Unreachable
;;   74 ud2 ; Unreachable
;;   76 mov rax,[rbp-18h]
;;   7a mov ecx,[rbp-20h]
;;   7d vmovsd xmm0,[rbp-28h]
;;   82 leave
;;   83 ret
;; function 3:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f add ebx,1
;;   12 je near 39h
;;   18 mov rax,[r14+8]
;;   1c mov rcx,[r14+20h]
;;   20 mov [rax+20h],rcx
;;   24 lea rcx,[rax+40h]
;;   28 mov [rax+28h],rcx
;;   2c mov qword [rax+30h],0
;;   34 jmp 51h
;;   39 mov [rbp-10h],ebx
;;   3c vmovsd xmm7,[rel 60h]
;;   44 call 49h ; Function(DefinedFuncIdx(0)) ; lands at 4e
;;   49 jmp 56h
;;   4e mov ebx,[rbp-10h]
;;   51 jmp 59h
;;   56 mov ebx,[rbp-10h]
;;   59 mov eax,ebx
;;   5b leave
;;   5c ret
;; function 4:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f mov eax,ebx
;;   11 leave
;;   12 ret
;; function 5:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f mov [rbp-10h],ebx
;;   12 mov ebx,1
;;   17 vmovsd xmm7,[rel 0C0h]
;;   1f call 24h ; Function(DefinedFuncIdx(0)) ; lands at 29
;;   24 jmp 0B9h
;;   29 mov r14,[rbp-8]
;;   2d mov rax,[r14+8]
;;   31 mov rax,[rax+20h]
;;   35 cmp rax,[r14+20h]
;;   39 jne near 0ABh
;;   3f mov rax,[r14+8]
;;   43 mov rax,[rax+30h]
;;   47 mov rcx,rax
;;   4a test rcx,rcx
;;   4d jne near 5Fh
;;   53 mov rdi,r14
;;   56 mov rax,[r14]
;;   59 call qword [rax+0A8h]
;;   5f mov rcx,rax
;;   62 test rcx,rcx
;;   65 je near 0BBh
;;   6b mov [rbp-18h],rax
;;   6f mov [rbp-20h],rcx
;;   73 mov rax,[rbp-20h]
;;   77 mov r14,[rbp-8]
;;   7b mov rcx,[r14+8]
;;   7f cmp rax,[rcx+30h]
;;   83 je near 99h
;;   89 mov rdi,r14
;;   8c mov rsi,[rbp-20h]
;;   90 mov rax,[r14]
;;   93 call qword [rax+0A0h]
;;   99 mov r14,[rbp-8]
;;   9d mov rdi,r14
;;   a0 mov rax,[r14]
;;   a3 call qword [rax+98h]
;;   a9 ud2 ; Unreachable
;;   ab mov rdi,r14
;;   ae mov rax,[r14]
;;   b1 call qword [rax+98h]
;;   b7 ud2 ; Unreachable
;;   b9 leave
;;   ba ret
;;   bb ud2 ; NullException
