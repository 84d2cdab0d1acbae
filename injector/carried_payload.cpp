// dboot-init, as it was built together with this program: one file to copy to any server.
asm(R"(
  .section .rodata, "a"
  .balign 16
  .global dboot_carried_payload_begin, dboot_carried_payload_end
dboot_carried_payload_begin:
  .incbin ")" DBOOT_INIT R"("
dboot_carried_payload_end:
  .byte 0
  .previous
)");
