#include "injector/payload_file.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "injector/command/elf.hpp"
#include "injector/failure.hpp"
#include "injector/stream/digest.hpp"
#include "injector/stream/file_stream.hpp"
#include "injector/stream/filling_stream.hpp"
#include "shared/plan/layout.hpp"
#include "shared/plan/payload_note.h"
#include "shared/plan/plan.hpp"
#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"

// carried_payload.cpp. A program that is linked without it, a test, carries none.
extern "C" [[gnu::weak]] const char dboot_carried_payload_begin[];
extern "C" [[gnu::weak]] const char dboot_carried_payload_end[];

namespace dboot::payload_file {
namespace {

constexpr const char* file_name = "dboot-init";

constexpr std::size_t most_words = 512;

[[noreturn]] void execute_self_test(int directory, const std::string& name, int words) {
  const int null = ::open("/dev/null", O_RDWR);
  for (const int fd : {0, 1}) ::dup2(null, fd);
  ::dup2(words < 0 ? null : words, 2);
  const rlimit limit{most_words, most_words};
  ::setrlimit(RLIMIT_FSIZE, &limit);
  ::signal(SIGXFSZ, SIG_IGN);  // who says more than that is cut short, and lives
  // What it does to its process group, or to what is open here, is not to reach anybody.
  ::setsid();
  const auto kept = static_cast<unsigned>(directory);
  if (kept > 3) ::close_range(3, kept - 1, 0);
  ::close_range(kept + 1, ~0U, 0);
  std::array<char*, 3> arguments{const_cast<char*>(file_name), const_cast<char*>("--self-test"),
                                 nullptr};
  std::array<char*, 1> environment{nullptr};
  ::syscall(SYS_execveat, directory, name.c_str(), arguments.data(), environment.data(), 0);
  ::_exit(126);
}

/// What it has written on standard error, in one line.
std::string read_words(int words) {
  std::string text(most_words, '\0');
  const ssize_t size = ::pread(words, text.data(), text.size(), 0);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  std::string line;
  for (const auto word : words_of(text)) line += (line.empty() ? ": " : " ") + std::string(word);
  return line;
}

std::string describe(int status) {
  if (WIFSIGNALED(status))
    return std::string("it was killed by SIG") + ::sigabbrev_np(WTERMSIG(status));
  return "it ended with status " + std::to_string(WEXITSTATUS(status));
}

/// Of a device even the opening may do something.
void require_file(const struct stat& status, const std::string& name) {
  if (S_ISREG(status.st_mode)) return;
  throw Failure(name + (S_ISDIR(status.st_mode) ? " is a directory" : " is no file"),
                "name the program itself with --payload");
}

/// In a file, as every other one.
Payload carried() {
  if (dboot_carried_payload_begin == nullptr)
    throw Failure("this program carries no payload", "name one with --payload");
  UniqueFd file(
      static_cast<int>(sys::check(::memfd_create(file_name, MFD_CLOEXEC), "memfd_create")));
  sys::write_all(file.get(), {dboot_carried_payload_begin, dboot_carried_payload_end});
  return {std::move(file), file_name, true, 0, {}, {}};
}

Payload open_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) {
    require_file(status, "the payload " + path);
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (fd) return {std::move(fd), path, false, 0, {}, {}};
  }
  if (errno == ENOENT) throw Failure("the payload " + path + " is not there", "correct --payload");
  throw Failure("cannot open the payload " + path + ": " + ::strerror(errno),
                "name a program that can be read");
}

std::uint64_t size_of(int fd) {
  struct stat status {};
  sys::check(::fstat(fd, &status), "stat the payload");
  return static_cast<std::uint64_t>(status.st_size);
}

std::string digest_of_file(int fd, const std::string& name) {
  return to_string(digest_of(*file_stream(fd, 0, size_of(fd), name)));
}

std::optional<PlanVersions> read_note(int fd, const std::string& name) {
  const auto text = elf::find_note(fd, DBOOT_NOTE_OWNER, DBOOT_NOTE_TYPE);
  dboot_payload_note note{};
  if (!text) return std::nullopt;
  if (text->size() < sizeof note)
    throw Failure(name + " has a damaged note of dboot", "build it with payload_note.h");
  std::memcpy(&note, text->data(), sizeof note);
  return PlanVersions{note.oldest_major, note.newest_major, note.newest_minor};
}

std::string version(unsigned major, unsigned minor) {
  return std::to_string(major) + '.' + std::to_string(minor);
}

void require_understanding(const std::string& name, const PlanVersions& plans) {
  if (plan::major_version >= plans.oldest_major && plan::major_version <= plans.newest_major)
    return;
  throw Failure(name + " understands plans from " + version(plans.oldest_major, 0) + " to " +
                    version(plans.newest_major, plans.newest_minor) +
                    ", and this dboot-inject writes " +
                    version(plan::major_version, plan::minor_version),
                "build it against the dboot that is installed here, or use its dboot-inject");
}

}  // namespace

Payload open(const std::string& path) {
  Payload payload = path.empty() ? carried() : open_file(path);
  const std::string name = "the payload " + payload.path;
  const auto program = elf::check_loadable(payload.fd.get(), name);
  if (!program.interpreter.empty()) {
    throw Failure(name + " is linked dynamically, and asks for " + program.interpreter,
                  "link it with -static: execve would take this and its libraries from the old "
                  "root, which goes away");
  }
  payload.plans = read_note(payload.fd.get(), name);
  if (payload.plans) require_understanding(name, *payload.plans);
  payload.size = size_of(payload.fd.get());
  return payload;
}

void compute_digest(Payload& payload) {
  payload.digest = digest_of_file(payload.fd.get(), "the payload " + payload.path);
}

std::string to_string(const PlanVersions& plans) {
  return version(plans.newest_major, plans.newest_minor);
}

void require_plans_of(const Payload& payload, std::uint32_t minor, const std::string& what,
                      const std::string& options) {
  if (payload.plans && payload.plans->newest_minor >= minor) return;
  throw Failure("the payload " + payload.path + " does not know " + what,
                "leave " + options + " out, or take a payload for plans of " +
                    version(plan::major_version, minor));
}

void check_copy(int fd, const Payload& payload) {
  if (digest_of_file(fd, layout::payload) == payload.digest) return;
  throw Failure("the payload " + payload.path + " has changed while it was copied", "try again");
}

void prove(int directory, const std::string& name, const Payload& payload) {
  const auto refuse = [&](const std::string& why) {
    throw Failure("the payload " + payload.path + " does not run: " + why,
                  "replace the file; PID 1 would not have survived it");
  };
  clone_args arguments{};
  int pidfd = -1;
  arguments.flags = CLONE_NEWPID | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  const UniqueFd words(::memfd_create("words", MFD_CLOEXEC));
  const auto child = static_cast<pid_t>(
      sys::check(::syscall(SYS_clone3, &arguments, sizeof arguments), "clone3 for the self-test"));
  if (child == 0) execute_self_test(directory, name, words.get());
  const UniqueFd ended(pidfd);

  pollfd poll{ended.get(), POLLIN, 0};
  int count = 0;
  while ((count = ::poll(&poll, 1, 10'000)) < 0 && errno == EINTR) {
  }
  if (count <= 0) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (count <= 0) refuse("its self-test did not end within 10 s");
  if (status != 0) refuse(describe(status) + read_words(words.get()));
}

}  // namespace dboot::payload_file
