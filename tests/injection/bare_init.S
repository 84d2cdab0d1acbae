/* A program without libc: its text holds one system call instruction, and neither a return behind
   it nor the instructions of a signal restorer. Ends with status 1 when poll, interrupted by the
   injection, returns anything but "timed out" or EINTR, or when a register has changed. */
        .globl _start
        .text
_start:
        mov $0x1111, %rbx
        mov $0x2222, %r12
next:
        mov $7, %eax            /* poll(NULL, 0, 3) */
        xor %edi, %edi
        xor %esi, %esi
        mov $3, %edx
enter:
        syscall
        cmp $0x1111, %rbx
        jne bad
        cmp $0x2222, %r12
        jne bad
        test %rax, %rax
        je next
        cmp $-4, %rax
        je next
bad:
        mov $60, %eax           /* exit(1) */
        mov $1, %edi
        jmp enter
        .section .note.GNU-stack, "", @progbits
