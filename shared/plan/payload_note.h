/* The note by which a payload says which plans it understands, and that it can be proved: that
 * `PAYLOAD --self-test` ends with status 0, without touching anything, when the program is whole.
 * For C and C++. dboot-inject reads it before PID 1 is touched; a payload without one is executed
 * with a warning. See dboot-payload(7) and elf(5), "Notes". */
#pragma once

#include <stdint.h>

#define DBOOT_NOTE_OWNER "dboot"
#define DBOOT_NOTE_TYPE 1

struct dboot_payload_note {
  uint32_t oldest_major; /* version of a plan that it understands */
  uint32_t newest_major;
  uint32_t newest_minor; /* of that; of newer ones it ignores what it does not know */
};

/* Once, at file scope, anywhere in the program. */
#define DBOOT_PAYLOAD_NOTE(oldest_major, newest_major, newest_minor)              \
  __attribute__((section(".note.dboot"), used, aligned(4))) static const struct { \
    uint32_t owner_size, note_size, type;                                         \
    char owner[8]; /* with its NUL, and up to a multiple of four */               \
    struct dboot_payload_note note;                                               \
  } dboot_payload_note_ = {sizeof DBOOT_NOTE_OWNER,                               \
                           sizeof(struct dboot_payload_note),                     \
                           DBOOT_NOTE_TYPE,                                       \
                           DBOOT_NOTE_OWNER,                                      \
                           {(oldest_major), (newest_major), (newest_minor)}}
