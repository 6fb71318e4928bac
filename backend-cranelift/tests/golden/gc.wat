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
;;    4 test rsi,rsi
;;    7 je near 1Ah
;;    d mov rdi,[rdi+20h]
;;   11 mov eax,[rdi+rsi+8]
;;   15 mov rsp,rbp
;;   18 pop rbp
;;   19 ret
;;   1a ud2 ; NullStructure
;; function 1:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 mov rdi,[rdi+20h]
;;    8 movsx rax,byte [rdi+rsi+0Ch]
;;    e mov rsp,rbp
;;   11 pop rbp
;;   12 ret
;; function 2:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 test rsi,rsi
;;    7 je near 1Ah
;;    d mov rdi,[rdi+20h]
;;   11 mov [rdi+rsi+4],edx
;;   15 mov rsp,rbp
;;   18 pop rbp
;;   19 ret
;;   1a ud2 ; NullStructure
;; function 3:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 sub rsp,20h
;;    8 mov [rsp],rbx
;;    c mov [rsp+8],r12
;;   11 mov [rsp+10h],r13
;;   16 mov r12,rdx
;;   19 mov r13,rsi
;;   1c mov rcx,[rdi+8]
;;   20 mov edx,[rcx+38h]
;;   23 mov eax,[rcx+3Ch]
;;   26 lea esi,[rdx+10h]
;;   29 cmp esi,eax
;;   2b ja near 80h
;;   31 mov rax,[rdi+10h]
;;   35 mov esi,[rax+4]
;;   38 mov r8,[rdi+20h]
;;   3c mov eax,edx
;;   3e mov [r8+rax],esi
;;   42 add edx,10h
;;   48 mov [rcx+38h],edx
;;   4b mov rbx,rdi
;;   4e mov rcx,[rbx+20h]
;;   52 mov rsi,r13
;;   55 mov [rcx+rax+4],esi
;;   59 mov rdx,r12
;;   5c mov [rcx+rax+8],edx
;;   60 mov edx,7
;;   65 mov [rcx+rax+0Ch],dl
;;   69 mov rbx,[rsp]
;;   6d mov r12,[rsp+8]
;;   72 mov r13,[rsp+10h]
;;   77 add rsp,20h
;;   7b mov rsp,rbp
;;   7e pop rbp
;;   7f ret
;;   80 mov rax,[rdi]
;;   83 mov rbx,rdi
;;   86 mov rax,[rax+0B8h]
;;   8d mov esi,1
;;   92 mov edx,10h
;;   97 call rax
;;   99 jmp 4Eh
;; function 4:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 test rsi,rsi
;;    7 je near 2Dh
;;    d mov r9,[rdi+20h]
;;   11 cmp edx,[r9+rsi+4]
;;   16 jae near 2Fh
;;   1c mov r11d,edx
;;   1f add r11,rsi
;;   22 movzx rax,byte [r9+r11+8]
;;   28 mov rsp,rbp
;;   2b pop rbp
;;   2c ret
;;   2d ud2 ; NullArray
;;   2f ud2 ; ArrayOutOfBounds
;; function 5:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 mov rdi,[rdi+20h]
;;    8 cmp edx,[rdi+rsi+4]
;;    c jae near 23h
;;   12 shl edx,2
;;   15 lea r9,[rsi+rdx]
;;   19 mov [rdi+r9+8],ecx
;;   1e mov rsp,rbp
;;   21 pop rbp
;;   22 ret
;;   23 ud2 ; ArrayOutOfBounds
;; function 6:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 test rsi,rsi
;;    7 je near 39h
;;    d test esi,1
;;   13 jne near 39h
;;   19 mov rax,[rdi+20h]
;;   1d mov eax,[rax+rsi]
;;   20 mov rcx,[rdi+10h]
;;   24 mov ecx,[rcx+4]
;;   27 cmp eax,ecx
;;   29 jne near 39h
;;   2f mov eax,1
;;   34 jmp 3Bh
;;   39 xor eax,eax
;;   3b mov rsp,rbp
;;   3e pop rbp
;;   3f ret
;; function 7:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 test rsi,rsi
;;    7 jne near 15h
;;    d mov rax,rsi
;;   10 jmp 2Eh
;;   15 mov r8,[rdi+20h]
;;   19 mov r8d,[r8+rsi]
;;   1d mov r9,[rdi+10h]
;;   21 cmp r8d,[r9+4]
;;   25 jne near 33h
;;   2b mov rax,rsi
;;   2e mov rsp,rbp
;;   31 pop rbp
;;   32 ret
;;   33 ud2 ; CastFailure
;; function 8:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 test rsi,rsi
;;    7 je near 46h
;;    d mov rax,[rdi+20h]
;;   11 mov r9d,[rax+rsi]
;;   15 mov rax,[rdi+30h]
;;   19 mov r8d,0FFFFFFFh
;;   1f and r9d,0FFFFFFFh
;;   26 shl r9,6
;;   2a mov eax,[rax+r9]
;;   2e mov rcx,[rdi+10h]
;;   32 and r8d,[rcx]
;;   35 cmp eax,r8d
;;   38 jne near 48h
;;   3e mov rax,rsi
;;   41 mov rsp,rbp
;;   44 pop rbp
;;   45 ret
;;   46 ud2 ; CastFailure
;;   48 ud2 ; CastFailure
;; function 9:
;;    0 push rbp
;;    1 mov rbp,rsp
;;    4 test rsi,rsi
;;    7 je near 17h
;;    d mov rax,rsi
;;   10 sar eax,1
;;   12 mov rsp,rbp
;;   15 pop rbp
;;   16 ret
;;   17 ud2 ; NullI31
