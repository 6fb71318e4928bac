;; Objects of the collected heap: checks that types do not spare, places of fields, allocation, casts by type id and by display.
(module
  (type $base (sub (struct (field $n (mut i32)))))
  (type $final (sub final $base (struct (field $n (mut i32)) (field $next (mut (ref null $base))) (field $c i8))))
  (type $bytes (array (mut i8)))
  (type $refs (array (mut eqref)))
  (func (param (ref null $final)) (result (ref null $base)) (struct.get $final $next (local.get 0)))
  (func (param (ref $final)) (result i32) (struct.get_s $final $c (local.get 0)))
  (func (param (ref null $base) i32) (struct.set $base $n (local.get 0) (local.get 1)))
  (func (param i32 (ref null $base)) (result (ref $final)) (struct.new $final (local.get 0) (local.get 1) (i32.const 7)))
  (func (param (ref null $bytes) i32) (result i32) (array.get_u $bytes (local.get 0) (local.get 1)))
  (func (param (ref $refs) i32 eqref) (array.set $refs (local.get 0) (local.get 1) (local.get 2)))
  (func (param (ref null eq)) (result i32) (ref.test (ref $final) (local.get 0)))
  (func (param (ref null $base)) (result (ref null $final)) (ref.cast (ref null $final) (local.get 0)))
  (func (param (ref null struct)) (result (ref $base)) (ref.cast (ref $base) (local.get 0)))
  (func (param (ref null i31)) (result i32) (i31.get_s (local.get 0))))
;; machine code
;; function 0:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f mov rax,rbx
;;   12 test rax,rax
;;   15 je near 25h
;;   1b mov rcx,[r14+20h]
;;   1f mov eax,[rcx+rax+8]
;;   23 leave
;;   24 ret
;;   25 ud2 ; NullStructure
;; function 1:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f mov rax,[r14+20h]
;;   13 movsx eax,byte [rax+rbx+0Ch]
;;   18 leave
;;   19 ret
;; function 2:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f test rbx,rbx
;;   12 je near 23h
;;   18 mov rax,[r14+20h]
;;   1c mov [rax+rbx+4],r8d
;;   21 leave
;;   22 ret
;;   23 ud2 ; NullStructure
;; function 3:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,50h
;;    b mov [rbp-8],r14
;;    f mov [rbp-20h],ebx
;;   12 mov [rbp-28h],r8
;;   16 mov rax,[r14+8]
;;   1a mov eax,[rax+38h]
;;   1d mov ecx,eax
;;   1f add ecx,10h
;;   22 mov edx,ecx
;;   24 mov rsi,[r14+8]
;;   28 cmp edx,[rsi+3Ch]
;;   2b ja near 4Fh
;;   31 mov edx,eax
;;   33 mov rsi,[r14+10h]
;;   37 mov esi,[rsi+4]
;;   3a mov rdi,[r14+20h]
;;   3e mov [rdi+rdx],esi
;;   41 mov edx,ecx
;;   43 mov rsi,[r14+8]
;;   47 mov [rsi+38h],edx
;;   4a jmp 6Ch
;;   4f mov rdi,r14
;;   52 mov esi,1
;;   57 mov edx,10h
;;   5c mov rax,[r14]
;;   5f call qword [rax+0B8h]
;;   65 mov ebx,[rbp-10h]
;;   68 mov r8,[rbp-18h]
;;   6c mov rcx,rax
;;   6f mov edx,[rbp-20h]
;;   72 mov r14,[rbp-8]
;;   76 mov rsi,[r14+20h]
;;   7a mov [rsi+rcx+4],edx
;;   7e mov rcx,rax
;;   81 mov rdx,[rbp-28h]
;;   85 mov rsi,[r14+20h]
;;   89 mov [rsi+rcx+8],edx
;;   8d mov rcx,rax
;;   90 mov rdx,[r14+20h]
;;   94 mov byte [rdx+rcx+0Ch],7
;;   99 jmp 9Eh
;;   9e leave
;;   9f ret
;; function 4:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,40h
;;    b mov [rbp-8],r14
;;    f test rbx,rbx
;;   12 je near 38h
;;   18 mov rax,[r14+20h]
;;   1c cmp r8d,[rax+rbx+4]
;;   21 jae near 3Ah
;;   27 mov eax,r8d
;;   2a add rax,rbx
;;   2d mov rcx,[r14+20h]
;;   31 movzx eax,byte [rcx+rax+8]
;;   36 leave
;;   37 ret
;;   38 ud2 ; NullArray
;;   3a ud2 ; ArrayOutOfBounds
;; function 5:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,50h
;;    b mov [rbp-8],r14
;;    f mov rax,[r14+20h]
;;   13 cmp r8d,[rax+rbx+4]
;;   18 jae near 32h
;;   1e mov eax,r8d
;;   21 shl eax,2
;;   24 add rax,rbx
;;   27 mov rcx,[r14+20h]
;;   2b mov [rcx+rax+8],r9d
;;   30 leave
;;   31 ret
;;   32 ud2 ; ArrayOutOfBounds
;; function 6:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f mov [rbp-18h],rbx
;;   13 mov rax,[rbp-18h]
;;   17 test rax,rax
;;   1a je near 54h
;;   20 mov rax,[rbp-18h]
;;   24 mov eax,eax
;;   26 test eax,1
;;   2c jne near 54h
;;   32 mov rax,[rbp-18h]
;;   36 mov rcx,[r14+20h]
;;   3a mov eax,[rcx+rax]
;;   3d mov rcx,[r14+10h]
;;   41 cmp eax,[rcx+4]
;;   44 jne near 54h
;;   4a mov eax,1
;;   4f jmp 5Bh
;;   54 xor eax,eax
;;   56 jmp 5Bh
;;   5b leave
;;   5c ret
;; function 7:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f mov [rbp-18h],rbx
;;   13 mov rax,[rbp-18h]
;;   17 test rax,rax
;;   1a je near 38h
;;   20 mov rax,[rbp-18h]
;;   24 mov rcx,[r14+20h]
;;   28 mov eax,[rcx+rax]
;;   2b mov rcx,[r14+10h]
;;   2f cmp eax,[rcx+4]
;;   32 jne near 3Eh
;;   38 mov rax,[rbp-18h]
;;   3c leave
;;   3d ret
;;   3e ud2 ; CastFailure
;; function 8:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,30h
;;    b mov [rbp-8],r14
;;    f test rbx,rbx
;;   12 je near 49h
;;   18 mov rax,[r14+20h]
;;   1c mov eax,[rax+rbx]
;;   1f and eax,0FFFFFFFh
;;   25 shl rax,6
;;   29 mov rcx,[r14+30h]
;;   2d mov eax,[rcx+rax]
;;   30 mov rcx,[r14+10h]
;;   34 mov ecx,[rcx]
;;   36 and ecx,0FFFFFFFh
;;   3c cmp eax,ecx
;;   3e jne near 4Bh
;;   44 mov rax,rbx
;;   47 leave
;;   48 ret
;;   49 ud2 ; CastFailure
;;   4b ud2 ; CastFailure
;; function 9:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    b mov [rbp-8],r14
;;    f mov rax,rbx
;;   12 test rax,rax
;;   15 je near 22h
;;   1b mov eax,eax
;;   1d sar eax,1
;;   20 leave
;;   21 ret
;;   22 ud2 ; NullI31
