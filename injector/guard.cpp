#include "injector/guard.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <iostream>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "injector/failure.hpp"
#include "injector/interruption.hpp"
#include "injector/network/client.hpp"
#include "injector/unpack/beneath.hpp"
#include "shared/proc/process_status.hpp"
#include "shared/system/directory.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::guard {
namespace {

std::string own_hostname() {
  std::array<char, 65> name{};
  sys::check(::gethostname(name.data(), name.size() - 1), "gethostname");
  return name.data();
}

/// A line from the terminal, without its end; interruptions come through.
std::string read_line() {
  std::string line;
  for (;;) {
    char letter = 0;
    interruption::check();
    // A signal that comes right before poll(2) does not interrupt it.
    constexpr int slice_ms = 250;
    pollfd typed{STDIN_FILENO, POLLIN, 0};
    if (::poll(&typed, 1, slice_ms) <= 0) continue;
    const ssize_t count = ::read(STDIN_FILENO, &letter, 1);
    if (count < 0 && errno == EINTR) continue;
    if (sys::check(count, "read the answer") == 0 || letter == '\n') return line;
    line += letter;
  }
}

std::string value_of(const std::string& file, const std::string& key) {
  std::istringstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(key + "=")) return line.substr(key.size() + 1);
  }
  return {};
}

/// Empty when it cannot be read.
std::string text_of(int file) {
  std::string text;
  std::array<char, 4096> buffer;
  for (ssize_t count = 0; (count = ::read(file, buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<std::size_t>(count));
  return text;
}

/// Of the regular files in a directory, which may be missing.
std::vector<std::string> texts_in(int root, const std::string& path) {
  std::vector<std::string> texts;
  const UniqueFd directory = rootfs::try_open_beneath(root, path, O_RDONLY | O_DIRECTORY);
  if (!directory) return texts;
  for (const auto& entry : entries_of(directory.get(), path)) {
    if (entry.type != DT_REG) continue;
    const UniqueFd file(
        ::openat(directory.get(), entry.name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    texts.push_back(text_of(file.get()));
  }
  return texts;
}

bool contains_word(const std::string& list, const std::string& word) {
  return (":" + list + ":").find(":" + word + ":") != std::string::npos;
}

/// `kind`: LOCK_SH or LOCK_EX. False when somebody else's is in the way.
bool try_lock(const UniqueFd& run, int kind) {
  if (::flock(run.get(), kind | LOCK_NB) == 0) return true;
  if (errno != EWOULDBLOCK) sys::fail(errno, {"lock /run"});
  return false;
}

/// To mount, and to look into other roots. Whether PID 1 may be traced is asked later.
constexpr std::array<std::pair<unsigned, std::string_view>, 2> needed_capabilities{
    {{CAP_SYS_ADMIN, "CAP_SYS_ADMIN"}, {CAP_SYS_CHROOT, "CAP_SYS_CHROOT"}}};

[[noreturn]] void refuse_second() {
  throw Failure("another dboot-inject is at work on this system", "wait until it has ended");
}

}  // namespace

void require_root() {
  if (::geteuid() != 0) throw Failure("a takeover needs root", "run it with sudo");
  const auto held = capabilities_of(sys::read_file("/proc/self/status"));
  std::string missing;
  for (const auto& [number, name] : needed_capabilities) {
    if ((held >> number & 1U) == 0) missing += (missing.empty() ? "" : ", ") + std::string(name);
  }
  if (missing.empty()) return;
  throw Failure("this root has been left without capabilities that a takeover needs: " + missing,
                "run it outside of the container or service that has dropped them");
}

std::uint64_t capabilities_of(const std::string& status) {
  constexpr std::string_view key = "CapEff:\t";
  const auto at = status.find(key);
  if (at == std::string::npos) return 0;
  const char* const digits = status.data() + at + key.size();
  std::uint64_t mask = 0;
  std::from_chars(digits, status.data() + status.size(), mask, 16);
  return mask;
}

bool is_new_enough(const std::string& release) {
  std::istringstream numbers(release);
  int version = 0;
  int patch_level = 0;
  char dot = 0;
  numbers >> version >> dot >> patch_level;
  return version > 5 || (version == 5 && patch_level >= 9);
}

void require_kernel() {
  utsname names{};
  sys::check(::uname(&names), "uname");
  if (is_new_enough(names.release)) return;
  throw Failure(std::string("Linux ") + names.release + " is too old for a takeover",
                "boot Linux 5.9 or a newer one");
}

void refuse_where_denied(int root) {
  const std::string path = "etc/dboot/deny";
  const UniqueFd there = rootfs::try_open_beneath(root, path, O_PATH | O_NOFOLLOW);
  if (!there && errno == ENOENT) return;
  // Whatever else it is, it is there.
  const UniqueFd file = rootfs::try_open_beneath(root, path, O_RDONLY | O_NONBLOCK);
  std::string text = text_of(file.get());
  while (text.ends_with('\n')) text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  throw Failure(
      "takeovers of this machine are denied by /" + path + (text.empty() ? "" : ": " + text),
      "rehearse it with --rehearse, or remove the file if this machine may be replaced");
}

std::vector<std::string> blocking_inhibitors(const std::vector<std::string>& files) {
  std::vector<std::string> blocking;
  for (const auto& file : files) {
    if (value_of(file, "MODE") != "block" || !contains_word(value_of(file, "WHAT"), "shutdown"))
      continue;
    blocking.push_back(value_of(file, "WHO") + ": " + value_of(file, "WHY") + " (pid " +
                       value_of(file, "PID") + ")");
  }
  return blocking;
}

bool lives_in_rootfs(const MountTable& mounts) {
  // Of several mounts on one another the last one is seen.
  bool rootfs = false;
  for (const auto& mount : mounts) {
    if (mount.mount_point == "/") rootfs = mount.type == "rootfs";
  }
  return rootfs;
}

void refuse_rootfs(int process) {
  if (lives_in_rootfs(parse_mount_table(sys::read_file_at(process, "mountinfo"))))
    throw Failure(
        "this system lives in its initramfs: its / is the kernel's rootfs, which cannot be "
        "replaced",
        "switch to another root before (switch_root)");
}

void refuse_while_inhibited(int root) {
  const auto blocking = blocking_inhibitors(texts_in(root, "run/systemd/inhibit"));
  if (blocking.empty()) return;
  std::string who;
  for (const auto& inhibitor : blocking) who += (who.empty() ? "" : "; ") + inhibitor;
  throw Failure("a shutdown is inhibited by " + who,
                "wait for it to finish, or go on with --force");
}

UniqueFd lock(int root) {
  // Somebody may only be asking.
  constexpr int most_attempts = 20;
  constexpr timespec between_attempts{0, 10'000'000};
  UniqueFd run = rootfs::open_beneath(root, "run", O_RDONLY | O_DIRECTORY);
  for (int attempt = 1; !try_lock(run, LOCK_EX); ++attempt) {
    if (attempt == most_attempts) refuse_second();
    ::nanosleep(&between_attempts, nullptr);
  }
  return run;
}

void refuse_while_locked(int root) {
  if (!try_lock(rootfs::open_beneath(root, "run", O_RDONLY | O_DIRECTORY), LOCK_SH))
    refuse_second();
}

void refuse_unusable_directory(int root) {
  const std::string path = "run/dboot";
  constexpr int directory = O_PATH | O_DIRECTORY;
  if (rootfs::try_open_beneath(root, path, directory)) return;
  if (rootfs::try_open_beneath(root, path, O_PATH | O_NOFOLLOW))
    throw Failure("/run/dboot is no directory, and the payload is put there", "remove it");
  const UniqueFd run = rootfs::try_open_beneath(root, "run", directory);
  if (!run) throw Failure("there is no directory /run, and the payload is put there", "make it");
  if (::faccessat(run.get(), ".", W_OK, 0) == 0) return;
  throw Failure(std::string("cannot make /run/dboot: ") + std::generic_category().message(errno),
                "mount a tmpfs on /run/dboot");
}

void confirm(const std::string& image, bool yes) {
  if (yes) return;
  if (::isatty(STDIN_FILENO) == 0) {
    throw Failure("there is no terminal to ask on",
                  "add --yes to replace this system without being asked");
  }
  const std::string hostname = own_hostname();
  std::cerr << "This ends every process of " << hostname << " and replaces the running system with "
            << image << ".\nType the hostname (" << hostname << ") to go on: " << std::flush;
  if (read_line() != hostname) throw Failure("not confirmed: the answer is not the hostname", "");
}

bool is_over_ssh() {
  if (!network::ssh_connection().client.empty()) return true;
  // Where nobody has the variable any more, the daemon is among the ancestors all the same.
  for (auto process = read_process_status(::getppid()); process && process->pid > 1;
       process = read_process_status(process->parent)) {
    if (process->name.starts_with("sshd")) return true;
  }
  return false;
}

bool is_console(dev_t terminal) noexcept {
  // Documentation/admin-guide/devices.txt: "Unix98 PTY slaves".
  constexpr unsigned first_of_ptys = 136;
  constexpr unsigned last_of_ptys = 143;
  return terminal != 0 && (major(terminal) < first_of_ptys || major(terminal) > last_of_ptys);
}

bool is_at_local_console() {
  const auto self = read_process_status(::getpid());
  return self && is_console(self->terminal) && !is_over_ssh();
}

}  // namespace dboot::guard
