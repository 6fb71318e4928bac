//! What LLVM calls on its own: `memcpy`, `memmove` and `memset`, which it makes of loops. One copy per partition, in
//! assembly, so that they need nothing and change with nothing.
//!
//! They keep a frame, so that a backtrace from a fault inside names their caller. Blocks of up to 32 bytes are read
//! whole before anything is written, so overlap does no harm there; longer ones go forward, but for a `memmove` whose
//! destination lies in its source.
//!
//! That is the case if `destination - source`, without a sign, is less than the length: a destination before the source gives a huge number and goes
//! forward. The last 32 bytes (backward: the first) are loaded before the loop, because its stores may reach them, and stored after it, over
//! what the loop has written there: so no length needs a tail. From 2 KiB on `rep movsb` and `rep stosb` are faster than a loop of 16-byte
//! moves; below that their start takes too long. They rely on the direction flag, which System V keeps clear.

/// Module-level assembly in AT&T syntax. System V convention: `rdi`, `rsi`, `rdx`; the result is the first argument.
pub(crate) const RUNTIME: &str = "
    .text
    .p2align 4
    .hidden memmove
    .globl memmove
    .type memmove, @function
memmove:
    pushq %rbp
    movq %rsp, %rbp
    movq %rdi, %rax
    cmpq $32, %rdx
    jbe .Lcopy_short
    movq %rdi, %rcx
    subq %rsi, %rcx
    cmpq %rdx, %rcx
    jae .Lcopy_long
    movups (%rsi), %xmm2
    movups 16(%rsi), %xmm3
    leaq (%rdi,%rdx), %r8
.Lmove_back:
    movups -16(%rsi,%rdx), %xmm0
    movups -32(%rsi,%rdx), %xmm1
    movups %xmm0, -16(%rdi,%rdx)
    movups %xmm1, -32(%rdi,%rdx)
    subq $32, %rdx
    cmpq $32, %rdx
    ja .Lmove_back
    movups %xmm2, (%rdi)
    movups %xmm3, 16(%rdi)
    popq %rbp
    retq
    .size memmove, .-memmove

    .p2align 4
    .hidden memcpy
    .globl memcpy
    .type memcpy, @function
memcpy:
    pushq %rbp
    movq %rsp, %rbp
    movq %rdi, %rax
    cmpq $32, %rdx
    jbe .Lcopy_short
.Lcopy_long:
    cmpq $2048, %rdx
    jae .Lcopy_string
    movups -32(%rsi,%rdx), %xmm2
    movups -16(%rsi,%rdx), %xmm3
    leaq -32(%rdi,%rdx), %r8
.Lcopy_forward:
    movups (%rsi), %xmm0
    movups 16(%rsi), %xmm1
    movups %xmm0, (%rdi)
    movups %xmm1, 16(%rdi)
    addq $32, %rsi
    addq $32, %rdi
    cmpq %r8, %rdi
    jb .Lcopy_forward
    movups %xmm2, (%r8)
    movups %xmm3, 16(%r8)
    popq %rbp
    retq
.Lcopy_string:
    movq %rdx, %rcx
    rep movsb
    popq %rbp
    retq
.Lcopy_short:
    cmpq $16, %rdx
    jb .Lcopy_under16
    movups (%rsi), %xmm0
    movups -16(%rsi,%rdx), %xmm1
    movups %xmm0, (%rdi)
    movups %xmm1, -16(%rdi,%rdx)
    popq %rbp
    retq
.Lcopy_under16:
    cmpq $8, %rdx
    jb .Lcopy_under8
    movq (%rsi), %rcx
    movq -8(%rsi,%rdx), %r8
    movq %rcx, (%rdi)
    movq %r8, -8(%rdi,%rdx)
    popq %rbp
    retq
.Lcopy_under8:
    cmpq $4, %rdx
    jb .Lcopy_under4
    movl (%rsi), %ecx
    movl -4(%rsi,%rdx), %r8d
    movl %ecx, (%rdi)
    movl %r8d, -4(%rdi,%rdx)
    popq %rbp
    retq
.Lcopy_under4:
    testq %rdx, %rdx
    je .Lcopy_done
    movzbl (%rsi), %ecx
    movzbl -1(%rsi,%rdx), %r8d
    movq %rdx, %r9
    shrq $1, %r9
    movzbl (%rsi,%r9), %r10d
    movb %cl, (%rdi)
    movb %r10b, (%rdi,%r9)
    movb %r8b, -1(%rdi,%rdx)
.Lcopy_done:
    popq %rbp
    retq
    .size memcpy, .-memcpy

    .p2align 4
    .hidden memset
    .globl memset
    .type memset, @function
memset:
    pushq %rbp
    movq %rsp, %rbp
    movq %rdi, %rax
    movzbl %sil, %esi
    movabsq $0x0101010101010101, %rcx
    imulq %rcx, %rsi
    cmpq $16, %rdx
    jb .Lset_under16
    cmpq $2048, %rdx
    jae .Lset_string
    movq %rsi, %xmm0
    punpcklqdq %xmm0, %xmm0
    leaq -16(%rdi,%rdx), %r8
.Lset_forward:
    movups %xmm0, (%rdi)
    addq $16, %rdi
    cmpq %r8, %rdi
    jb .Lset_forward
    movups %xmm0, (%r8)
    popq %rbp
    retq
.Lset_string:
    movq %rax, %r8
    movq %rdx, %rcx
    movl %esi, %eax
    rep stosb
    movq %r8, %rax
    popq %rbp
    retq
.Lset_under16:
    cmpq $8, %rdx
    jb .Lset_under8
    movq %rsi, (%rdi)
    movq %rsi, -8(%rdi,%rdx)
    popq %rbp
    retq
.Lset_under8:
    cmpq $4, %rdx
    jb .Lset_under4
    movl %esi, (%rdi)
    movl %esi, -4(%rdi,%rdx)
    popq %rbp
    retq
.Lset_under4:
    testq %rdx, %rdx
    je .Lset_done
    movb %sil, (%rdi)
    movb %sil, -1(%rdi,%rdx)
    shrq $1, %rdx
    movb %sil, (%rdi,%rdx)
.Lset_done:
    popq %rbp
    retq
    .size memset, .-memset
";
