#include "injector/preflight/selinux.hpp"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "injector/failure.hpp"
#include "injector/report.hpp"
#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::selinux {
namespace {

constexpr const char* mend = "make SELinux permissive for the takeover: setenforce 0";

std::string place_of(const std::string& file) {
  return "/sys/fs/selinux/" + file;
}

bool is_enforcing() {
  return sys::read_file_or_empty(place_of("enforce")) == "1";
}

/// The kernel ends some contexts with NUL, some with a newline.
std::string trimmed(std::string context) {
  while (context.ends_with('\0') || context.ends_with('\n')) context.pop_back();
  return context;
}

std::string context_of(int file) {
  std::array<char, 4096> label{};
  const auto size =
      sys::check(::fgetxattr(file, "security.selinux", label.data(), label.size()), "read a label");
  return trimmed({label.data(), static_cast<std::size_t>(size)});
}

unsigned number_of(const std::string& path) {
  const std::string text = sys::read_file(place_of(path));
  return number_in<unsigned>(std::string_view(text)).value_or(0);
}

Decision ask(const std::string& subject, const std::string& object) {
  const UniqueFd access = sys::open(place_of("access"), O_RDWR);
  const std::string question =
      subject + ' ' + object + ' ' + std::to_string(number_of("class/file/index"));
  sys::write_all(access.get(), question);
  std::array<char, 256> answer{};
  const auto size =
      sys::check(::read(access.get(), answer.data(), answer.size()), "read the policy's answer");
  const auto decision = parse_decision({answer.data(), static_cast<std::size_t>(size)});
  if (!decision) sys::fail(EBADMSG, {"read the policy's answer"});
  return *decision;
}

bool allows(const Decision& decision, const std::string& permission) {
  // Numbered from 1, and bits from 0.
  const unsigned number = number_of("class/file/perms/" + permission);
  return decision.permissive || number == 0 || ((decision.allowed >> (number - 1)) & 1U) != 0;
}

}  // namespace

std::optional<Decision> parse_decision(std::string_view answer) {
  // allowed, all bits, auditallow, auditdeny, sequence number, flags
  const auto fields = words_of(answer);
  constexpr std::size_t count = 6;
  if (fields.size() < count) return std::nullopt;
  constexpr int hexadecimal = 16;
  const auto allowed = number_in<unsigned>(fields.front(), hexadecimal);
  const auto flags = number_in<unsigned>(fields[count - 1], hexadecimal);
  constexpr unsigned permissive = 1;
  if (!allowed || !flags) return std::nullopt;
  return Decision{*allowed, (*flags & permissive) != 0};
}

void check(const Target& target, int payload) {
  if (!is_enforcing()) return;
  const std::string subject = trimmed(sys::read_file_at(target.proc(), "attr/current"));
  std::string object;
  try {
    object = context_of(payload);
    const Decision decision = ask(subject, object);
    for (const char* permission : {"execute", "execute_no_trans"}) {
      if (!allows(decision, permission))
        throw Failure("SELinux is enforcing, and its policy denies that PID 1 (" + subject +
                          ") executes the payload (" + object + "): " + permission,
                      mend);
    }
  } catch (const std::system_error& error) {
    report::warning("SELinux is enforcing, and its policy cannot be asked about PID 1",
                    {{"reason", error.what()}});
  }
  report::warning(
      "SELinux is enforcing, and its policy will hold for the new system, which starts "
      "in the context of PID 1",
      {{"context", subject}, {log::mend_key, mend}});
}

}  // namespace dboot::selinux
