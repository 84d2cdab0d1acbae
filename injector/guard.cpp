#include "injector/guard.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <sstream>

#include "injector/failure.hpp"
#include "injector/interruption.hpp"
#include "shared/process_status.hpp"
#include "shared/syscalls.hpp"

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
    const ssize_t count = ::read(STDIN_FILENO, &letter, 1);
    interruption::check();
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

bool contains_word(const std::string& list, const std::string& word) {
  return (":" + list + ":").find(":" + word + ":") != std::string::npos;
}

}  // namespace

void require_root() {
  if (::geteuid() != 0) throw Failure("a takeover needs root", "run it with sudo");
}

void refuse_where_denied(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) return;
  std::string text = sys::read_file_or_empty(path);
  while (text.ends_with('\n')) text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  throw Failure(
      "takeovers of this machine are denied by " + path + (text.empty() ? "" : ": " + text),
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

void refuse_while_inhibited(const std::string& directory) {
  std::vector<std::string> files;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(directory, none)) {
    if (entry.is_regular_file(none)) files.push_back(sys::read_file_or_empty(entry.path()));
  }
  const auto blocking = blocking_inhibitors(files);
  if (blocking.empty()) return;
  std::string who;
  for (const auto& inhibitor : blocking) who += (who.empty() ? "" : "; ") + inhibitor;
  throw Failure("a shutdown is inhibited by " + who,
                "wait for it to finish, or go on with --force");
}

UniqueFd lock() {
  UniqueFd run = sys::open("/run", O_RDONLY | O_DIRECTORY);
  if (::flock(run.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) sys::fail(errno, {"lock /run"});
    throw Failure("another dboot-inject is at work on this system", "wait until it has ended");
  }
  return run;
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
  if (std::getenv("SSH_CONNECTION") != nullptr) return true;
  // sudo drops the variable; the daemon is among the ancestors all the same.
  for (auto process = read_process_status(::getppid()); process && process->pid > 1;
       process = read_process_status(process->parent)) {
    if (process->name.starts_with("sshd")) return true;
  }
  return false;
}

}  // namespace dboot::guard
