#include "payload/guardian/notices.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <exception>

#include "shared/plan/layout.hpp"
#include "shared/system/directory.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::guardian {
namespace {

/// A guardian has mounts of its own.
const std::string root_of_pid_1 = "/proc/1/root";
constexpr const char* motd = "motd";

/// In one piece, or not at all. Never follows a link: the image may have put one there.
bool put(int directory, const std::string& name, const std::string& message) noexcept {
  if (message.empty()) return ::unlinkat(directory, name.c_str(), 0) == 0 || errno == ENOENT;
  const std::string beside = name + ".new";
  ::unlinkat(directory, beside.c_str(), 0);
  constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const UniqueFd file(::openat(directory, beside.c_str(), flags, 0644));
  const auto size = static_cast<ssize_t>(message.size());
  return file && ::write(file.get(), message.data(), message.size()) == size &&
         ::renameat(directory, beside.c_str(), directory, name.c_str()) == 0;
}

UniqueFd open_directory(int at, const std::string& path) noexcept {
  return UniqueFd(::openat(at, path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

/// Empty for none, and for what is no text of a size that somebody reads: a link, a device.
std::string text_of(int directory, const char* name) noexcept {
  const UniqueFd file(::openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  std::array<char, 16'384> bytes{};
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return "";
  const auto count = ::read(file.get(), bytes.data(), bytes.size());
  return count <= 0 ? "" : std::string(bytes.data(), static_cast<std::size_t>(count));
}

/// Whether a file may be put there: what is no regular one stays.
bool may_be_put(int directory, const char* name) noexcept {
  struct stat status {};
  if (::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return errno == ENOENT;
  return S_ISREG(status.st_mode);
}

bool is_number(const std::string& name) {
  return std::all_of(name.begin(), name.end(),
                     [](char letter) { return letter >= '0' && letter <= '9'; });
}

}  // namespace

void Notices::show(const std::string& message) {
  if (message == shown_) return;
  bool is_shown = true;
  if (const auto etc = open_directory(directory_, std::string(layout::ssh_name) + "/etc"))
    is_shown = put(etc.get(), motd, message);
  is_shown = show_in_new_system(message) && is_shown;
  // What does not fit now is tried again.
  if (is_shown) shown_ = message;
}

bool Notices::show_in_new_system(const std::string& message) {
  const auto etc = open_directory(AT_FDCWD, root_of_pid_1 + "/etc");
  if (!etc || !may_be_put(etc.get(), motd)) return true;
  if (!of_image_) of_image_ = text_of(etc.get(), motd);
  return put(etc.get(), motd, message + *of_image_) || errno == EROFS;
}

void Notices::shout(const std::string& message) {
  std::string text = "\r\n";
  for (const char letter : message) text += letter == '\n' ? "\r\n" : std::string(1, letter);
  try {
    const UniqueFd terminals = sys::open(root_of_pid_1 + "/dev/pts", O_RDONLY | O_DIRECTORY);
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
