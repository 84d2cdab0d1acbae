#include "tests/injection/canary.hpp"

extern "C" {
unsigned char canary_has_avx = 0;
}

// Both functions keep what the ABI wants kept, and use the stack below the stack pointer as leaf
// functions may: 128 bytes (System V ABI for AMD64, 3.2.2).
asm(R"(
.macro canary_set
  push %rbx
  push %rbp
  push %r12
  push %r13
  push %r14
  push %r15
  mov $0x1111, %rbx
  mov $0x2222, %rbp
  mov $0x3333, %r12
  mov $0x4444, %r13
  mov $0x5555, %r14
  mov $0x6666, %r15
  movq %r15, %xmm7
  movq %r14, %xmm15
  movl $0x9fc0, -24(%rsp)     # flush to zero, denormals are zero
  ldmxcsr -24(%rsp)
  fldpi
  mov %rdi, -8(%rsp)
  mov %rsi, -16(%rsp)
  mov %rdi, -128(%rsp)
  cmpb $0, canary_has_avx(%rip)
  je 1f
  vmovq %r13, %xmm8
  vinsertf128 $1, %xmm8, %ymm8, %ymm8
1:
.endm

# Uses rcx alone; jumps to 9 when something is not what it was.
.macro canary_check
  cmp $0x1111, %rbx
  jne 9f
  cmp $0x2222, %rbp
  jne 9f
  cmp $0x3333, %r12
  jne 9f
  cmp $0x4444, %r13
  jne 9f
  cmp $0x5555, %r14
  jne 9f
  cmp $0x6666, %r15
  jne 9f
  cmp %rdi, -8(%rsp)
  jne 9f
  cmp %rsi, -16(%rsp)
  jne 9f
  cmp %rdi, -128(%rsp)
  jne 9f
  movq %xmm7, %rcx
  cmp $0x6666, %rcx
  jne 9f
  movq %xmm15, %rcx
  cmp $0x5555, %rcx
  jne 9f
  stmxcsr -24(%rsp)
  cmpl $0x9fc0, -24(%rsp)
  jne 9f
  fldpi
  fcomip %st(1), %st
  jne 9f
  cmpb $0, canary_has_avx(%rip)
  je 1f
  vextractf128 $1, %ymm8, %xmm9
  vmovq %xmm9, %rcx
  cmp $0x4444, %rcx
  jne 9f
1:
.endm

.macro canary_leave
  jmp 8f
9:
  mov $0xdead, %eax
8:
  fstp %st(0)
  movl $0x1f80, -24(%rsp)
  ldmxcsr -24(%rsp)
  cmpb $0, canary_has_avx(%rip)
  je 1f
  vzeroupper
1:
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbp
  pop %rbx
  ret
.endm

.globl canary_syscall
.type canary_syscall, @function
canary_syscall:
  mov %rdi, %rax
  mov %rsi, %rdi
  mov %rdx, %rsi
  mov %rcx, %rdx
  mov %r8, %r10
  canary_set
  mov $0x7777, %r8
  mov $0x8888, %r9
  syscall
  cmp $0x7777, %r8
  jne 9f
  cmp $0x8888, %r9
  jne 9f
  canary_check
  canary_leave

# The system call instruction changes rcx and r11, an interruption between two instructions nothing.
.globl canary_spin
.type canary_spin, @function
canary_spin:
  mov %rdi, %rax
  mov $0x9999, %rsi
  canary_set
  mov $0xaaaa, %rcx
  mov $0xbbbb, %rdx
  mov $0x7777, %r8
  mov $0x8888, %r9
  mov $0xcccc, %r10
  mov $0xdddd, %r11
2:
  dec %rax
  jnz 2b
  cmp $0xaaaa, %rcx
  jne 9f
  cmp $0xbbbb, %rdx
  jne 9f
  cmp $0x7777, %r8
  jne 9f
  cmp $0x8888, %r9
  jne 9f
  cmp $0xcccc, %r10
  jne 9f
  cmp $0xdddd, %r11
  jne 9f
  canary_check
  canary_leave
)");

namespace canary {

void include_avx() {
  canary_has_avx = __builtin_cpu_supports("avx") ? 1 : 0;
}

}  // namespace canary
