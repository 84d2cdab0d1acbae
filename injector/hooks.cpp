#include "injector/hooks.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include "injector/command/elf.hpp"
#include "injector/command/executable.hpp"
#include "injector/failure.hpp"
#include "injector/place.hpp"
#include "injector/report.hpp"
#include "shared/plan/layout.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::hooks {
namespace {

[[noreturn]] void refuse(const std::string& file, const std::string& why, const std::string& mend) {
  throw Failure("cannot use " + file + ": " + why, mend);
}

std::string_view name_of(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

bool is_shell(std::string_view interpreter) {
  const auto name = name_of(interpreter);
  return name == "sh" || name == "ash" || name == "busybox";
}

UniqueFd open_file(const std::string& path, std::uint64_t& size) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) refuse(path, ::strerrordesc_np(errno), "name a file that can be read");
  struct stat status {};
  sys::check(::fstat(fd.get(), &status), "stat ", path);
  if (!S_ISREG(status.st_mode)) refuse(path, "it is no regular file", "name a program or a script");
  constexpr off_t most = 256 << 20;
  if (status.st_size > most)
    refuse(path, "it has more than 256 MiB, and would lie in memory", "take it along with --copy");
  size = static_cast<std::uint64_t>(status.st_size);
  return fd;
}

/// The words of a `#!` line, as the kernel takes them: the interpreter, and the rest as one
/// argument (execve(2)). Empty when it is none.
std::vector<std::string> read_interpreter(int fd, const std::string& path) {
  std::array<char, 256> buffer{};  // BINPRM_BUF_SIZE
  const auto size = sys::check(::pread(fd, buffer.data(), buffer.size(), 0), "read ", path);
  std::string_view line(buffer.data(), static_cast<std::size_t>(size));
  line = line.substr(0, line.find('\n'));
  if (!line.starts_with("#!")) return {};
  line.remove_prefix(2);
  const auto trimmed = [](std::string_view text) {
    constexpr std::string_view blanks = " \t\r";
    const auto begin = std::min(text.find_first_not_of(blanks), text.size());
    text.remove_prefix(begin);
    return text.substr(0, text.find_last_not_of(blanks) + 1);
  };
  line = trimmed(line);
  const auto end = line.find_first_of(" \t");
  std::vector<std::string> words{std::string(line.substr(0, end))};
  if (end != std::string_view::npos) words.emplace_back(trimmed(line.substr(end)));
  if (words.front().empty()) return {};
  return words;
}

/// True when it is one. Throws Failure when it is one that cannot be run.
bool is_program(int fd, const std::string& path) try {
  const auto program = elf::read(fd);
  if (!program) return false;
  if (!elf::is_native(*program)) {
    refuse(path, "it is a " + elf::describe(*program) + " program", "build it for this machine");
  }
  if (!program->interpreter.empty()) {
    refuse(path, "it needs " + program->interpreter + " and libraries, and the old root goes away",
           "link it statically, or make it a script");
  }
  return true;
} catch (const elf::Error& error) {
  refuse(path, error.what(), "replace it");
}

/// Whether it says so of itself: a program that goes by its first argument would take "sh" for
/// something else.
bool is_busybox(int fd, const std::string& path) {
  constexpr std::string_view name = "BusyBox v";  // with a digit behind it, or it is these words
  std::string text;
  std::array<char, std::size_t{1} << 16U> buffer{};
  for (off_t at = 0;;) {
    const ssize_t count = sys::check(::pread(fd, buffer.data(), buffer.size(), at), "read ", path);
    if (count == 0) return false;
    at += count;
    text.append(buffer.data(), static_cast<std::size_t>(count));
    for (auto found = text.find(name); found != std::string::npos;
         found = text.find(name, found + 1)) {
      const auto behind = found + name.size();
      if (behind < text.size() && text[behind] >= '0' && text[behind] <= '9') return true;
    }
    // It may lie across two reads.
    text.erase(0, text.size() - std::min(text.size(), name.size() + 1));
  }
}

bool is_static_program(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
  try {
    const auto program = elf::read(fd.get());
    return program && elf::is_native(*program) && program->interpreter.empty();
  } catch (const std::exception&) {
    return false;
  }
}

/// The first that is one; empty when none is.
std::string busybox_of_host() {
  for (const char* path : {"/bin/busybox", "/usr/bin/busybox", "/bin/busybox.static",
                           "/usr/local/bin/busybox", "/usr/lib/initramfs-tools/bin/busybox"}) {
    if (is_static_program(path)) return path;
  }
  return "";
}

/// Throws Failure for one that root had better not execute: whoever may write it is root then.
void require_trust(int fd, const std::string& path) {
  struct stat status {};
  struct stat own {};
  sys::check(::fstat(fd, &status), "stat ", path);
  sys::check(::stat("/proc/self/exe", &own), "stat /proc/self/exe");
  const bool is_of_ours = status.st_uid == 0 || status.st_uid == own.st_uid;
  if (!is_of_ours || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    refuse(path, "others may write it", "chown root " + path + " && chmod 755 " + path);
}

bool is_in(int root, const std::string& interpreter) {
  try {
    rootfs::check_executable(root, interpreter, "/");
    return true;
  } catch (const Failure&) {
    return false;
  }
}

}  // namespace

Wanted parse(std::string_view text) {
  const auto equals = text.find('=');
  Wanted wanted{place::parse("--hook", text.substr(0, equals)), "", false};
  if (equals != std::string_view::npos) wanted.file = text.substr(equals + 1);
  wanted.must_succeed = wanted.file.ends_with('!');
  if (wanted.must_succeed) wanted.file.pop_back();
  if (wanted.file.empty()) {
    throw Failure("--hook " + to_string(wanted.at) + ": FILE is missing",
                  "say for example --hook before:release=./save-state");
  }
  return wanted;
}

Hooks::Hooks(const std::vector<Wanted>& wanted, const std::string& busybox, bool shell_is_wanted) {
  for (const auto& hook : wanted) files_.push_back(open(hook));
  const bool is_needed = std::any_of(files_.begin(), files_.end(), [](const File& file) {
    return !file.interpreter.empty() && place::is_before_pivot(file.wanted.at);
  });
  if (busybox.empty()) {
    take_own_busybox();
  } else {
    open_busybox(busybox);
  }
  if (const auto found = busybox_of_host();
      !busybox_ && !found.empty() && (shell_is_wanted || !files_.empty()))
    open_busybox(found);
  if (!busybox_ && is_needed) {
    throw Failure(
        "there is no shell for the hooks that come before the pivot: the host's is on its "
        "disk, and this host has no static busybox",
        "install busybox-static, or name a static busybox with --busybox FILE");
  }
}

Hooks::File Hooks::open(const Wanted& wanted) {
  File file{wanted, {}, 0, {}};
  file.fd = open_file(wanted.file, file.size);
  if (is_program(file.fd.get(), wanted.file)) return file;
  file.interpreter = read_interpreter(file.fd.get(), wanted.file);
  if (file.interpreter.empty() || !file.interpreter.front().starts_with('/')) {
    refuse(wanted.file, "it is neither a program nor a script that begins with #! and a path",
           "begin it with #!/bin/sh");
  }
  if (place::is_before_pivot(wanted.at) && !is_shell(file.interpreter.front())) {
    refuse(wanted.file,
           "there is no " + file.interpreter.front() + " at " + to_string(wanted.at) +
               ": until the pivot there is a busybox alone",
           "make it a script for /bin/sh or a static program, or run it after:release");
  }
  return file;
}

/// That came with this program: beside it, or where a release has it. Whoever has put one there
/// relies on it.
void Hooks::take_own_busybox() {
  std::error_code ignored;
  const auto directory = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
  for (const std::string path :
       {directory / "busybox", (directory / "../libexec/dboot/busybox").lexically_normal()}) {
    struct stat status {};
    if (busybox_ || ::lstat(path.c_str(), &status) != 0) continue;
    try {
      require_trust(sys::open(path, O_RDONLY | O_NONBLOCK).get(), path);
      open_busybox(path);
    } catch (const std::exception& error) {
      report::warning("no shell of last resort from there",
                      {{"path", path}, {"reason", error.what()}});
    }
  }
}

void Hooks::open_busybox(const std::string& path) {
  const std::string mend = "name a static busybox (Debian: busybox-static)";
  std::uint64_t size = 0;
  auto file = open_file(path, size);
  if (!is_busybox(file.get(), path)) refuse(path, "it is no busybox", mend);
  if (!is_program(file.get(), path)) refuse(path, "it is no program", mend);
  busybox_ = std::move(file);
  busybox_size_ = size;
  busybox_path_ = path;
}

std::uint64_t Hooks::bytes() const noexcept {
  std::uint64_t sum = busybox_size_;
  for (const auto& file : files_) sum += file.size;
  return sum;
}

std::vector<std::string> Hooks::interpreter_for(const File& file, int root) const {
  if (file.interpreter.empty()) return {};
  if (!place::is_before_pivot(file.wanted.at) && is_in(root, file.interpreter.front()))
    return file.interpreter;
  if (busybox_ && is_shell(file.interpreter.front())) {
    // With the argument of its first line: "sh -e", "busybox awk".
    auto words = file.interpreter;
    const bool is_shell_itself = name_of(words.front()) != "busybox";
    words.front() = layout::busybox;
    if (is_shell_itself) words.insert(words.begin() + 1, "sh");
    return words;
  }
  refuse(file.wanted.file, "the image has no " + file.interpreter.front() + " that can be executed",
         "add it to the image, or link the hook statically");
}

std::vector<Hook> Hooks::stage(const Staging& staging) const {
  if (busybox_) staging.copy_program(busybox_.get(), layout::busybox_name);
  if (!files_.empty())
    sys::check(::mkdirat(staging.directory(), layout::hooks_name, 0700), "mkdir ", layout::hooks);
  std::vector<Hook> hooks;
  for (const auto& file : files_) {
    const auto number = std::to_string(hooks.size() + 1);
    constexpr std::size_t longest = 100;
    const auto name = number + '-' + std::string(name_of(file.wanted.file).substr(0, longest));
    staging.copy_program(file.fd.get(), std::string(layout::hooks_name) + '/' + name);
    auto arguments = interpreter_for(file, staging.root());
    arguments.push_back(std::string(layout::hooks) + '/' + name);
    hooks.push_back({file.wanted.at, std::move(arguments), file.wanted.must_succeed});
  }
  return hooks;
}

}  // namespace dboot::hooks
