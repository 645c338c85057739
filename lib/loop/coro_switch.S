/*
 * lki_coro_swap(void **save_sp, void *load_sp): pushes what the callee must keep, stores the stack
 * pointer, takes the other one and pops the same. lki_coro_start is where a new coroutine comes to
 * life: it calls its entry, which never returns.
 */
#if defined(__x86_64__) && !defined(LKI_CORO_UCONTEXT)

    .text
    .p2align 4
    .globl lki_coro_swap
    .hidden lki_coro_swap
    .type lki_coro_swap, @function
lki_coro_swap:
    .cfi_startproc
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    /* a jump, not ret: the processor's return predictor knows only the other stack */
    popq %rcx
    jmp *%rcx
    .cfi_endproc
    .size lki_coro_swap, . - lki_coro_swap

    .p2align 4
    .globl lki_coro_start
    .hidden lki_coro_start
    .type lki_coro_start, @function
lki_coro_start:
    .cfi_startproc
    .cfi_undefined rip
    movq %r13, %rdi
    callq *%r12
    ud2
    .cfi_endproc
    .size lki_coro_start, . - lki_coro_start

#elif defined(__aarch64__) && !defined(LKI_CORO_UCONTEXT)

    .text
    .p2align 4
    .globl lki_coro_swap
    .hidden lki_coro_swap
    .type lki_coro_swap, %function
lki_coro_swap:
    .cfi_startproc
    sub sp, sp, #160
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    br x30
    .cfi_endproc
    .size lki_coro_swap, . - lki_coro_swap

    .p2align 4
    .globl lki_coro_start
    .hidden lki_coro_start
    .type lki_coro_start, %function
lki_coro_start:
    .cfi_startproc
    .cfi_undefined x30
    mov x0, x20
    blr x19
    brk #1
    .cfi_endproc
    .size lki_coro_start, . - lki_coro_start

#endif

#if defined(__linux__) && defined(__ELF__)
    .section .note.GNU-stack, "", %progbits
#endif
