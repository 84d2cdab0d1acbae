// A payload that takes a rehearsal for a machine: it tries what would reach it, and says what came
// of each attempt.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "shared/plan/payload_note.h"

DBOOT_PAYLOAD_NOTE(1, 1, 0);

namespace {

void say(const char* attempt, long result) {
  std::printf("%s: %s\n", attempt, result < 0 ? ::strerrorname_np(errno) : "done");
}

int write_to(const char* path) {
  return ::open(path, O_WRONLY);
}

}  // namespace

int main(int argc, char**) {
  if (argc > 1) return 0;  // --self-test
  constexpr unsigned virtio = 254;
  say("make a file", ::open("/etc/careless", O_WRONLY | O_CREAT, 0600));
  say("remount /", ::mount(nullptr, "/", nullptr, MS_REMOUNT | MS_RDONLY, nullptr));
  say("remount //.", ::mount(nullptr, "//.", nullptr, MS_REMOUNT | MS_RDONLY, nullptr));
  say("pick /", ::syscall(SYS_fspick, AT_FDCWD, "/", 0));
  say("unmount /", ::umount2("/", 0));
  say("unmount /..", ::umount2("/..", 0));
  say("unmount .", ::umount2(".", 0));
  say("find what lies in /tmp", ::access("/tmp/there", F_OK));
  say("open a disk", write_to("/dev/vda"));
  say("make a device", ::mknod("/run/disk", S_IFBLK | 0600, makedev(virtio, 0)));
  say("mount devices", ::mount("devtmpfs", "/run", "devtmpfs", 0, nullptr));
  say("open devices", ::syscall(SYS_fsopen, "devtmpfs", 0));
  say("mount in memory", ::mount("tmpfs", "/run", "tmpfs", 0, nullptr));
  say("freeze a filesystem", ::ioctl(::open("/", O_RDONLY), FIFREEZE, 0));
  say("mount in memory again", ::mount("none", "/run/", nullptr, MS_REMOUNT, "size=1m"));
  say("clear the log of the kernel", ::klogctl(5, nullptr, 0));
  say("swap off", ::swapoff("/dev/vda"));
  say("load a kernel", ::syscall(SYS_kexec_load, 0, 0, nullptr, 0));
  say("load a module", ::syscall(SYS_init_module, nullptr, 0, ""));
  const timespec now{::time(nullptr), 0};
  say("set the time", ::clock_settime(CLOCK_REALTIME, &now));
  say("press a key", write_to("/proc/sysrq-trigger"));
  say("set a sysctl", write_to("/proc/sys/kernel/panic"));
  return 0;
}
