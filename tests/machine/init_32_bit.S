/* A 32-bit program without libc: pause for ever. */
        .globl _start
        .text
_start:
        mov $29, %eax
        int $0x80
        jmp _start
        .section .note.GNU-stack, "", @progbits
