// SPDX-License-Identifier: Apache-2.0
// The first instruction of the program: calls cseal_enter (seal.c) with the stack as the kernel made it, then goes on to
// the C library's _start with what it returned. The register that is kept is the one in which a dynamic loader hands over
// a function to call at the end; there is one in debug builds.

#if defined(__x86_64__)

__asm__(
    ".pushsection .text.cseal_start,\"ax\",@progbits\n"
    ".globl cseal_start\n"
    ".hidden cseal_start\n"
    ".type cseal_start,@function\n"
    "cseal_start:\n"
    "    .cfi_startproc\n"
    "    .cfi_undefined rip\n"
    "    xorl %ebp, %ebp\n"
    "    movq %rdx, %rbx\n"
    "    movq %rsp, %rdi\n"
    "    call cseal_enter\n"
    "    movq %rax, %rsp\n"
    "    movq %rbx, %rdx\n"
    "    jmp _start\n"
    "    .cfi_endproc\n"
    ".size cseal_start, . - cseal_start\n"
    ".popsection\n");

#elif defined(__aarch64__)

__asm__(
    ".pushsection .text.cseal_start,\"ax\",@progbits\n"
    ".globl cseal_start\n"
    ".hidden cseal_start\n"
    ".type cseal_start,@function\n"
    "cseal_start:\n"
    "    .cfi_startproc\n"
    "    .cfi_undefined x30\n"
    "    mov x29, xzr\n"
    "    mov x19, x0\n"
    "    mov x0, sp\n"
    "    bl cseal_enter\n"
    "    mov sp, x0\n"
    "    mov x0, x19\n"
    "    b _start\n"
    "    .cfi_endproc\n"
    ".size cseal_start, . - cseal_start\n"
    ".popsection\n");

#else
#error "not ported to this architecture: its first instructions and its system calls (call.h) are needed"
#endif
