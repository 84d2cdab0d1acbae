// A payload from the contract alone (dboot-payload(7), plan.fbs, payload_note.h), without the kit:
// it ends the processes, moves into the new root and stays there as the parent of the command.
#define _GNU_SOURCE
#include <dboot/shared/plan/payload_note.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

DBOOT_PAYLOAD_NOTE(1, 1, 2);

// The fields of the table Plan, by their place in plan.fbs.
enum { SCOPE, EXECUTABLE, ARGUMENTS, ENVIRONMENT, WORKING_DIRECTORY, GRACE_MS = 8, HOSTNAME = 10 };
enum { BEGAN_NS = 12, KERNEL_PANIC, UID = 15, GID, GROUPS };

static uint8_t *file, *body;
static uint64_t body_size, began_ns;
static int record = -1, on_machine;

static void note(const char* level, const char* phase, const char* what, const char* which) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  uint64_t us = ((uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec - began_ns) / 1000;
  const int places[] = {record, on_machine ? open("/dev/kmsg", O_WRONLY | O_CLOEXEC) : -1};
  for (int i = 0; i < 2; ++i)
    dprintf(places[i], "[%u.%06u] %s %s %s %s\n", (unsigned)(us / 1000000),
            (unsigned)(us % 1000000), level, phase, what, which);
  close(places[1]);
}

// The end of PID 1 is a panic, and kernel.panic makes that a reboot into the system on the disk.
static _Noreturn void fail(const char* what) {
  note("error", "failure", what, strerror(errno));
  exit(125);
}

static uint32_t crc32c(uint32_t crc, const uint8_t* bytes, uint64_t size) {
  for (; size > 0; --size) {
    crc ^= *bytes++;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78 : 0);
  }
  return crc;
}

// A number of that many bytes of the FlatBuffer, little-endian.
static uint64_t number(uint64_t at, unsigned size) {
  uint64_t value = 0;
  if (at > body_size || size > body_size - at) fail("the plan is malformed");
  while (size-- > 0) value = value << 8 | body[at + size];
  return value;
}

// Where a field of a table is, by the table's vtable; 0 when it has its default.
static uint64_t find(uint64_t table, unsigned field) {
  uint64_t vtable = table - (uint64_t)(int32_t)number(table, 4);
  uint64_t slot = 4 + 2 * field;
  uint64_t offset = slot + 2 > number(vtable, 2) ? 0 : number(vtable + slot, 2);
  return offset == 0 ? 0 : table + offset;
}

static uint64_t scalar(unsigned field, unsigned size, uint64_t otherwise) {
  uint64_t at = find(number(0, 4), field);
  return at == 0 ? otherwise : number(at, size);
}

static uint64_t reference(uint64_t at) {
  return at == 0 ? 0 : at + number(at, 4);
}

// What a field of the table Plan refers to.
static uint64_t part(unsigned field) {
  return reference(find(number(0, 4), field));
}

// The text of a table Bytes, to be kept.
static char* text(uint64_t bytes) {
  uint64_t vector = reference(find(bytes, 0)), size = number(vector, 4);
  number(vector + 4 + size, 0);
  return strndup((const char*)body + vector + 4, size);
}

static char** texts(unsigned field) {
  uint64_t vector = part(field), count = number(vector, 4);
  number(vector + 4 + 4 * count, 0);
  char** list = calloc(count + 1, sizeof *list);
  for (uint64_t i = 0; i < count; ++i) list[i] = text(reference(vector + 4 + 4 * i));
  return list;
}

static void read_plan(void) {
  int fd = open("/run/dboot/plan", O_RDONLY | O_CLOEXEC);
  struct stat status;
  uint32_t crc;
  if (fstat(fd, &status) != 0 || status.st_size < 24) fail("this is no plan");
  file = malloc((size_t)status.st_size);
  if (file == NULL || read(fd, file, (size_t)status.st_size) != status.st_size) fail("the plan");
  body = file + 24;
  memcpy(&crc, file + 12, sizeof crc);
  memcpy(&body_size, file + 16, sizeof body_size);
  if (memcmp(file, "DBOOTPLN\1\0", 10) != 0 || body_size != (uint64_t)status.st_size - 24)
    fail("this is no plan of version 1");
  if (crc != ~crc32c(crc32c(~0U, file, 12), file + 16, body_size + 8)) fail("the plan is damaged");
}

// All are PID 1's in the end. What survives SIGKILL for five seconds is left.
static void end_processes(uint64_t grace_ms) {
  for (int round = 0; round < 2; ++round) {
    kill(-1, round == 0 ? SIGTERM : SIGKILL);
    for (uint64_t left = round == 0 ? grace_ms : 5000; left >= 10; left -= 10) {
      while (waitpid(-1, NULL, WNOHANG) > 0) continue;
      if (waitpid(-1, NULL, WNOHANG) < 0) return;
      usleep(10000);
    }
  }
}

static void mount_on(const char* type, const char* where, unsigned long flags) {
  mkdir(where, 0755);
  if (mount(type, where, type, flags, NULL) != 0) note("warning", "release", "not mounted", where);
}

static void move_into_new_root(void) {
  const unsigned long quiet = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  umask(022);
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) fail("make the mounts private");
  const char* mount_points[] = {"proc", "sys", "dev", "run"};  // no links that the image has made
  if (chdir("/run/dboot/root") != 0) fail("the new root");
  for (int i = 0; i < 4; ++i)
    if (open(mount_points[i], O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) < 0) fail(mount_points[i]);
  if (mount("tmpfs", "run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") != 0) fail("mount /run");
  if (mkdir("run/.old-root", 0700) != 0 || mkdir("run/dboot", 0755) != 0) fail("mkdir in /run");
  if (syscall(SYS_pivot_root, ".", "run/.old-root") != 0 || chdir("/") != 0) fail("pivot_root");
  mount_on("proc", "/proc", quiet);
  mount_on("sysfs", "/sys", quiet);
  if (on_machine) mount_on("devtmpfs", "/dev", MS_NOSUID);
  if (on_machine) mount_on("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC);
  if (!on_machine && mount("/run/.old-root/dev", "/dev", NULL, MS_MOVE, NULL) != 0) fail("/dev");
  if (mount("/run/.old-root/run/dboot", "/run/dboot", NULL, MS_MOVE, NULL) != 0) fail("/run/dboot");
  if (umount2("/run/.old-root", MNT_DETACH) == 0) rmdir("/run/.old-root");
}

static int run_command(const char* executable) {
  char **arguments = texts(ARGUMENTS), **environment = texts(ENVIRONMENT);
  uint64_t groups = part(GROUPS), count = groups == 0 ? 0 : number(groups, 4);
  number(groups + 4 + 4 * count, 0);
  pid_t command = fork();
  if (command < 0) fail("fork");
  if (command == 0) {
    setsid();
    int ready = setgroups(count, (const gid_t*)(body + groups + 4)) == 0 &&
                setgid((gid_t)scalar(GID, 4, 0)) == 0 && setuid((uid_t)scalar(UID, 4, 0)) == 0 &&
                chdir(text(part(WORKING_DIRECTORY))) == 0;
    if (ready) execve(executable, arguments, environment);
    _exit(errno == ENOENT ? 127 : 126);
  }
  int status = 0;
  while (waitpid(-1, &status, 0) != command) continue;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "--self-test") == 0)
    return ~crc32c(~0U, (const uint8_t*)"123456789", 9) == 0xE3069283 ? 0 : 1;
  char namespace[32] = "";
  if (readlink("/proc/self/ns/pid", namespace, sizeof namespace - 1) < 0) fail("/proc");
  sigprocmask(SIG_SETMASK, &(sigset_t){0}, NULL);
  for (int number = 1; number <= SIGRTMAX; ++number) signal(number, SIG_DFL);
  close_range(3, ~0U, 0);
  record = open("/run/dboot/payload.log", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  read_plan();
  began_ns = scalar(BEGAN_NS, 8, 0);
  // Either is reason enough. The number is that of the first namespace there is.
  on_machine = scalar(SCOPE, 1, 0) == 0 && strcmp(namespace, "pid:[4026531836]") == 0;
  char *executable = text(part(EXECUTABLE)), *hostname = text(part(HOSTNAME));
  note("info", "wake", "payload", "program=plain-c");
  end_processes(scalar(GRACE_MS, 4, 10000));
  move_into_new_root();
  if (hostname[0] != '\0' && sethostname(hostname, strlen(hostname)) != 0) fail("sethostname");
  int32_t panic = (int32_t)scalar(KERNEL_PANIC, 4, 0x80000000);
  if (on_machine && panic != INT32_MIN)
    dprintf(open("/proc/sys/kernel/panic", O_WRONLY | O_CLOEXEC), "%d", panic);
  note("info", "start", "starting", "as=command");
  int status = run_command(executable);
  note("info", "power", "the system ends", "by=reboot");
  if (!on_machine) return status;
  sync();
  return reboot(RB_AUTOBOOT);
}
