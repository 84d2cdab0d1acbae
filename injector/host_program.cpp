#include "injector/host_program.hpp"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "injector/child_process.hpp"
#include "injector/failure.hpp"
#include "shared/proc/fields.hpp"
#include "shared/system/signals.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::host_program {
namespace {

/// What a child exits with that could not become the program, as a shell does.
constexpr int not_executed = 127;

bool become(const Credentials& user) {
  const std::vector<gid_t> groups(user.groups.begin(), user.groups.end());
  return ::setgroups(groups.size(), groups.data()) == 0 && ::setgid(user.gid) == 0 &&
         ::setuid(user.uid) == 0 &&
         // Another user clears it.
         ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
}

[[noreturn]] void be_child(const std::vector<char*>& arguments, pid_t parent, int output,
                           int errors, int report, const std::optional<Credentials>& as) {
  static std::array<char*, 3> environment{
      const_cast<char*>("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
      const_cast<char*>("LC_ALL=C"), nullptr};
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(not_executed);
  // Ctrl-C is for who has started it.
  ::setpgid(0, 0);
  reset_signals();
  const int null = ::open("/dev/null", O_RDONLY);
  if (null >= 0 && ::dup2(null, STDIN_FILENO) >= 0 && ::dup2(output, STDOUT_FILENO) >= 0 &&
      ::dup2(errors, STDERR_FILENO) >= 0 && (!as || become(*as)))
    ::execve(arguments.front(), arguments.data(), environment.data());
  const int error = errno;
  [[maybe_unused]] const auto written = ::write(report, &error, sizeof error);
  ::_exit(not_executed);
}

}  // namespace

std::string find(const std::string& name) {
  for (const char* directory : {"/usr/local/sbin/", "/usr/local/bin/", "/usr/sbin/", "/usr/bin/",
                                "/sbin/", "/bin/", "/run/current-system/sw/bin/"}) {
    if (::access((directory + name).c_str(), X_OK) == 0) return directory + name;
  }
  return "";
}

Answer run(const std::vector<std::string>& arguments, std::chrono::seconds patience,
           const std::optional<Credentials>& as) {
  auto texts = arguments;
  std::vector<char*> argv;
  argv.reserve(texts.size() + 1);
  for (auto& text : texts) argv.push_back(text.data());
  argv.push_back(nullptr);
  const UniqueFd output = child_process::make_memory("output");
  const UniqueFd errors = child_process::make_memory("errors");
  sys::Pipe report = sys::make_pipe();

  const pid_t parent = ::getpid();
  const pid_t child = sys::check(::fork(), "fork");
  if (child == 0) be_child(argv, parent, output.get(), errors.get(), report.write.get(), as);
  report.write.reset();
  const UniqueFd pidfd = sys::try_pidfd_open(child);
  Answer answer;
  const bool in_time = child_process::end_in_time(child, pidfd.get(), patience, answer.status);
  if (!in_time)
    throw Failure(
        arguments.front() + " has not ended after " + std::to_string(patience.count()) + " s",
        "see why: run " + joined(arguments, " "));
  int error = 0;
  if (::read(report.read.get(), &error, sizeof error) == sizeof error)
    throw Failure(
        "cannot execute " + arguments.front() + ": " + std::generic_category().message(error),
        "see what is wrong with it");
  answer.output = child_process::content_of(output.get());
  answer.errors = child_process::content_of(errors.get());
  return answer;
}

std::string last_line(const std::string& text) {
  std::string last;
  for (const auto line : lines_of(text)) {
    const auto end = line.find_last_not_of(" \t\r");
    if (end != std::string_view::npos) last = line.substr(0, end + 1);
  }
  return last;
}

}  // namespace dboot::host_program
