#include "payload/guardian/notices.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <exception>

#include "shared/plan/layout.hpp"
#include "shared/system/directory.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::guardian {
namespace {

constexpr const char* motd_directory = "/run/motd.d";
constexpr const char* motd_file = "50-dboot";

/// Never follows a link: the image may have put one there.
void put(int directory, const char* name, const std::string& message) noexcept {
  ::unlinkat(directory, name, 0);
  if (message.empty()) return;
  constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const UniqueFd file(::openat(directory, name, flags, 0644));
  if (!file) return;
  [[maybe_unused]] const auto ignored = ::write(file.get(), message.data(), message.size());
}

UniqueFd open_directory(int at, const std::string& path) noexcept {
  return UniqueFd(::openat(at, path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

bool is_number(const std::string& name) {
  return std::all_of(name.begin(), name.end(),
                     [](char letter) { return letter >= '0' && letter <= '9'; });
}

}  // namespace

void Notices::show(const std::string& message) {
  if (message == shown_) return;
  shown_ = message;
  if (const auto etc = open_directory(directory_, std::string(layout::ssh_name) + "/etc"))
    put(etc.get(), "motd", message);
  ::mkdir(motd_directory, 0755);
  if (const auto motd = open_directory(AT_FDCWD, motd_directory))
    put(motd.get(), motd_file, message);
}

void Notices::shout(const std::string& message) {
  std::string text = "\r\n";
  for (const char letter : message) text += letter == '\n' ? "\r\n" : std::string(1, letter);
  try {
    const UniqueFd terminals = sys::open("/dev/pts", O_RDONLY | O_DIRECTORY);
    for (const auto& entry : entries_of(terminals.get(), "/dev/pts")) {
      if (!is_number(entry.name)) continue;
      constexpr int flags = O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
      const UniqueFd terminal(::openat(terminals.get(), entry.name.c_str(), flags));
      if (!terminal) continue;
      [[maybe_unused]] const auto ignored = ::write(terminal.get(), text.data(), text.size());
    }
  } catch (const std::exception&) {
    // Nobody is there.
  }
}

}  // namespace dboot::guardian
