#include "injector/inject/diagnosis.hpp"

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "injector/inject/arch/arch.hpp"
#include "shared/proc/process_status.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::inject {
namespace {

// Empty when it cannot be read.
std::string read(const Target& target, const std::string& file) {
  try {
    return sys::read_file_at(target.proc(), file);
  } catch (const std::system_error&) {
    return {};
  }
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

std::string reason(int error) {
  return std::generic_category().message(error);
}

Failure is_traced(const Target& target, pid_t tracer) {
  const std::string name = first_line(read(target, "../" + std::to_string(tracer) + "/comm"));
  return {name_of(target) + " is being traced by process " + std::to_string(tracer) +
              (name.empty() ? "" : " (" + name + ")"),
          "end process " + std::to_string(tracer) + ", a debugger or strace, and try again"};
}

bool ptrace_is_off() {
  return sys::read_file_or_empty("/proc/sys/kernel/yama/ptrace_scope").starts_with('3');
}

Failure ptrace_off(const Target& target) {
  return {"trace " + name_of(target) + ": ptrace is switched off (kernel.yama.ptrace_scope=3)",
          "boot with another value of it in /etc/sysctl.d; a running kernel cannot go back"};
}

void refuse_other_architecture(const Target& target) {
  const UniqueFd exe = sys::open_at(target.proc(), "exe", O_RDONLY);
  Elf64_Ehdr header{};
  const ssize_t got = ::pread(exe.get(), &header, sizeof header, 0);
  if (got < static_cast<ssize_t>(sizeof header) ||
      std::memcmp(static_cast<const void*>(header.e_ident), ELFMAG, SELFMAG) != 0) {
    throw Failure(name_of(target) + " runs something that is no ELF program", "");
  }
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != arch::elf_machine) {
    throw Failure(name_of(target) + " is a program of another architecture than dboot-inject",
                  "use a dboot-inject that was built for the architecture of the running system");
  }
}

// Documentation/arch/x86/shstk.rst: shown since 6.6.
bool has_shadow_stack(const Target& target) {
  const std::string status = read(target, "status");
  const std::size_t features = status.find("x86_Thread_features:");
  if (features == std::string::npos) return false;
  return first_line(status.substr(features)).find("shstk") != std::string::npos;
}

}  // namespace

std::string name_of(const Target& target) {
  return target.pid() == 1 ? "PID 1" : "process " + std::to_string(target.pid());
}

Failure cannot_attach(const Target& target, int error) {
  if (error == ESRCH) return has_ended(target);
  if (const auto status = read_process_status_at(target.proc()); status && status->tracer != 0) {
    return is_traced(target, status->tracer);
  }
  if (ptrace_is_off()) return ptrace_off(target);
  return {"trace " + name_of(target) + ": " + reason(error),
          "run dboot-inject as root with all capabilities, outside of containers, and look for a "
          "security module's message in dmesg"};
}

Failure is_suspended(const Target& target) {
  return {name_of(target) + " is stopped by a signal",
          "let it go on: kill -CONT " + std::to_string(target.pid())};
}

Failure has_ended(const Target& target) {
  return {name_of(target) + " has ended", ""};
}

Failure was_cancelled() {
  return {"dboot-inject was killed", "try again"};
}

Failure did_not_stop(const Target& target, std::chrono::milliseconds waited) {
  std::string what =
      name_of(target) + " did not stop within " + std::to_string(waited.count()) + " ms";
  const auto status = read_process_status_at(target.proc());
  if (!status) return {what, "try again"};
  what += ": it is in state ";
  what += status->state;
  // Readable for root with CONFIG_KALLSYMS; "0" for a process that runs.
  const std::string channel = first_line(read(target, "wchan"));
  if (!channel.empty() && channel != "0") what += ", inside the kernel's " + channel;
  if (status->state != 'D') return {what, "try again when the machine has less to do"};
  return {what, "it waits for a device, or for a child in vfork (ps --ppid " +
                    std::to_string(target.pid()) + "): try again when that has come to an end"};
}

Failure execve_failed(const Target& target, const std::string& path, int error) {
  const std::string what = name_of(target) + " could not execute " + path + ": " + reason(error);
  switch (error) {
    case ENOENT:
      return {what, "it must exist in the mount namespace of " + name_of(target) +
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
      return {what, "a security module or a seccomp filter of " + name_of(target) + " forbids it"};
    default:
      return {what, ""};
  }
}

Failure has_no_room(const Target& target, std::size_t needed) {
  return {name_of(target) + " has no " + std::to_string(needed) +
              " bytes of its main stack to spare where it stands",
          "try again: it may stand somewhere else then"};
}

void refuse_untraceable(const Target& target) {
  const auto status = read_process_status_at(target.proc());
  if (!status || status->state == 'Z' || status->state == 'X') throw has_ended(target);
  if (status->tracer != 0) throw is_traced(target, status->tracer);
  if (status->state == 'T') throw is_suspended(target);
  if (ptrace_is_off()) throw ptrace_off(target);
  refuse_other_architecture(target);
  if (has_shadow_stack(target)) {
    throw Failure(name_of(target) + " has a shadow stack, which does not let it be redirected",
                  "boot with nousershstk on the kernel command line");
  }
}

}  // namespace dboot::inject
