#include "injector/inject/diagnosis.hpp"

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "injector/inject/arch/arch.hpp"
#include "shared/process_status.hpp"
#include "shared/syscalls.hpp"

namespace dboot::inject {
namespace {

std::string proc(pid_t pid, const char* file) {
  return "/proc/" + std::to_string(pid) + "/" + file;
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

std::string reason(int error) {
  return std::generic_category().message(error);
}

Failure is_traced(pid_t pid, pid_t tracer) {
  const std::string name = first_line(sys::read_file_or_empty(proc(tracer, "comm")));
  return {name_of(pid) + " is being traced by process " + std::to_string(tracer) +
              (name.empty() ? "" : " (" + name + ")"),
          "end process " + std::to_string(tracer) + ", a debugger or strace, and try again"};
}

bool ptrace_is_off() {
  return sys::read_file_or_empty("/proc/sys/kernel/yama/ptrace_scope").starts_with('3');
}

Failure ptrace_off(pid_t pid) {
  return {"trace " + name_of(pid) + ": ptrace is switched off (kernel.yama.ptrace_scope=3)",
          "boot with another value of it in /etc/sysctl.d; a running kernel cannot go back"};
}

void refuse_other_architecture(pid_t pid) {
  const UniqueFd exe = sys::open(proc(pid, "exe"), O_RDONLY);
  Elf64_Ehdr header{};
  const ssize_t got = ::pread(exe.get(), &header, sizeof header, 0);
  if (got < static_cast<ssize_t>(sizeof header) ||
      std::memcmp(static_cast<const void*>(header.e_ident), ELFMAG, SELFMAG) != 0) {
    throw Failure(name_of(pid) + " runs something that is no ELF program", "");
  }
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != arch::elf_machine) {
    throw Failure(name_of(pid) + " is a program of another architecture than dboot-inject",
                  "use a dboot-inject that was built for the architecture of the running system");
  }
}

// Documentation/arch/x86/shstk.rst: shown since 6.6.
bool has_shadow_stack(pid_t pid) {
  const std::string status = sys::read_file_or_empty(proc(pid, "status"));
  const std::size_t features = status.find("x86_Thread_features:");
  if (features == std::string::npos) return false;
  return first_line(status.substr(features)).find("shstk") != std::string::npos;
}

}  // namespace

std::string name_of(pid_t pid) {
  return pid == 1 ? "PID 1" : "process " + std::to_string(pid);
}

Failure cannot_attach(pid_t pid, int error) {
  if (error == ESRCH) return has_ended(pid);
  if (const auto status = read_process_status(pid); status && status->tracer != 0) {
    return is_traced(pid, status->tracer);
  }
  if (ptrace_is_off()) return ptrace_off(pid);
  return {"trace " + name_of(pid) + ": " + reason(error),
          "run dboot-inject as root with all capabilities, outside of containers, and look for a "
          "security module's message in dmesg"};
}

Failure is_suspended(pid_t pid) {
  return {name_of(pid) + " is stopped by a signal",
          "let it go on: kill -CONT " + std::to_string(pid)};
}

Failure has_ended(pid_t pid) {
  return {name_of(pid) + " has ended", ""};
}

Failure was_cancelled() {
  return {"dboot-inject was killed", "try again"};
}

Failure did_not_stop(pid_t pid, std::chrono::milliseconds waited) {
  std::string what =
      name_of(pid) + " did not stop within " + std::to_string(waited.count()) + " ms";
  const auto status = read_process_status(pid);
  if (!status) return {what, "try again"};
  what += ": it is in state ";
  what += status->state;
  // Readable for root with CONFIG_KALLSYMS; "0" for a process that runs.
  const std::string channel = first_line(sys::read_file_or_empty(proc(pid, "wchan")));
  if (!channel.empty() && channel != "0") what += ", inside the kernel's " + channel;
  if (status->state != 'D') return {what, "try again when the machine has less to do"};
  return {what, "it waits for a device, or for a child in vfork (ps --ppid " + std::to_string(pid) +
                    "): try again when that has come to an end"};
}

Failure execve_failed(pid_t pid, const std::string& path, int error) {
  const std::string what = name_of(pid) + " could not execute " + path + ": " + reason(error);
  switch (error) {
    case ENOENT:
      return {what, "it must exist in the mount namespace of " + name_of(pid) +
                        ", and so must its ELF interpreter"};
    case EACCES:
      return {what,
              "it must be an executable file (chmod +x), and its filesystem must not be "
              "mounted noexec; a security module may also forbid it, see dmesg"};
    case ENOEXEC:
      return {what, "it must be a static ELF program for this machine"};
    case ETXTBSY:
      return {what, "somebody has it open for writing: close it"};
    case ENOMEM:
    case E2BIG:
      return {what, "free some memory"};
    case EPERM:
      return {what, "a security module or a seccomp filter of " + name_of(pid) + " forbids it"};
    default:
      return {what, ""};
  }
}

Failure has_no_room(pid_t pid, std::size_t needed) {
  return {name_of(pid) + " has no " + std::to_string(needed) +
              " bytes of its main stack to spare where it stands",
          "try again: it may stand somewhere else then"};
}

void refuse_untraceable(pid_t pid) {
  const auto status = read_process_status(pid);
  if (!status || status->state == 'Z' || status->state == 'X') throw has_ended(pid);
  if (status->tracer != 0) throw is_traced(pid, status->tracer);
  if (status->state == 'T') throw is_suspended(pid);
  if (ptrace_is_off()) throw ptrace_off(pid);
  refuse_other_architecture(pid);
  if (has_shadow_stack(pid)) {
    throw Failure(name_of(pid) + " has a shadow stack, which does not let it be redirected",
                  "boot with nousershstk on the kernel command line");
  }
}

}  // namespace dboot::inject
