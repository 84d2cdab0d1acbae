#include "injector/ssh/server.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "injector/failure.hpp"
#include "injector/host_program.hpp"
#include "shared/proc/fields.hpp"
#include "shared/proc/namespace.hpp"
#include "shared/proc/process_status.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::ssh {
namespace {

constexpr std::string_view name = "sshd";
/// Behind the path of what has been replaced (proc_pid_exe(5)).
constexpr std::string_view deleted = " (deleted)";

std::string_view last_part(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

/// By its path, for a file that was replaced by a newer version has no other name any more.
std::string program_of(const ProcessStatus& process, const std::vector<std::string>& words) {
  if (words.front().starts_with('/')) return words.front();
  std::error_code ignored;
  const auto exe =
      std::filesystem::read_symlink("/proc/" + std::to_string(process.pid) + "/exe", ignored);
  auto path = exe.string();
  if (path.ends_with(deleted)) path.resize(path.size() - deleted.size());
  return path;
}

/// Anybody's process may call itself so, and so may one of a container: it is root's, and what it
/// executes is the host's, which nobody else may write.
bool is_of_host(pid_t pid, const std::string& program) {
  const std::string directory = "/proc/" + std::to_string(pid);
  struct stat process {};
  struct stat executed {};
  struct stat file {};
  if (::stat(directory.c_str(), &process) != 0 || process.st_uid != 0 ||
      ::stat(program.c_str(), &file) != 0 || ::access(program.c_str(), X_OK) != 0)
    return false;
  constexpr mode_t by_others = S_IWGRP | S_IWOTH;
  if (file.st_uid != 0 || (file.st_mode & by_others) != 0) return false;
  const bool is_same = ::stat((directory + "/exe").c_str(), &executed) == 0 &&
                       executed.st_dev == file.st_dev && executed.st_ino == file.st_ino;
  if (is_same) return true;
  // One that was replaced by a newer version since it was started.
  std::error_code ignored;
  const auto text = std::filesystem::read_symlink(directory + "/exe", ignored).string();
  const auto there = std::filesystem::canonical(program, ignored).string();
  return text == there + std::string(deleted) &&
         namespace_of(std::to_string(pid), "mnt") == namespace_of("self", "mnt");
}

std::vector<pid_t> own_ancestors() {
  std::vector<pid_t> ancestors;
  for (auto process = read_process_status(::getppid()); process && process->pid > 1;
       process = read_process_status(process->parent))
    ancestors.push_back(process->pid);
  return ancestors;
}

/// As sshd(8) has them.
struct Option {
  char letter;
  std::string value;
};

std::vector<Option> options_in(const std::vector<std::string>& words) {
  constexpr std::string_view alone = "46DdeiqrRtTGV";
  std::vector<Option> options;
  for (std::size_t at = 1; at < words.size(); ++at) {
    const auto& word = words[at];
    if (word.size() < 2 || word[0] != '-') continue;
    // Several may stand in one word, the last one with its value.
    for (std::size_t letter = 1; letter < word.size(); ++letter) {
      if (alone.find(word[letter]) != std::string_view::npos) {
        options.push_back({word[letter], {}});
        continue;
      }
      auto value = word.substr(letter + 1);
      if (value.empty() && at + 1 < words.size()) value = words[++at];
      options.push_back({word[letter], std::move(value)});
      break;
    }
  }
  return options;
}

/// It says something of itself or of its configuration, and ends.
bool is_only_asked(const std::vector<std::string>& words) {
  constexpr std::string_view questions = "tTGV";
  const auto options = options_in(words);
  return std::any_of(options.begin(), options.end(), [&](const Option& option) {
    return questions.find(option.letter) != std::string_view::npos;
  });
}

}  // namespace

std::vector<std::string> words_of_listener(std::string_view cmdline) {
  constexpr std::string_view title = "sshd: ";
  std::vector<std::string> words;
  if (cmdline.starts_with(title)) {
    const auto end = cmdline.find(" [listener]");
    if (end == std::string_view::npos) return {};
    for (const auto word : words_of(cmdline.substr(title.size(), end - title.size())))
      words.emplace_back(word);
  } else {
    for (const auto word : split(cmdline, '\0')) words.emplace_back(word);
  }
  if (words.empty() || last_part(words.front()) != name || is_only_asked(words)) return {};
  return words;
}

std::vector<std::string> options_of_configuration(const std::vector<std::string>& words) {
  constexpr std::string_view kept_alone = "46";
  constexpr std::string_view kept_with_value = "cfhop";
  std::vector<std::string> kept;
  for (auto& option : options_in(words)) {
    const bool has_value = kept_with_value.find(option.letter) != std::string_view::npos;
    if (!has_value && kept_alone.find(option.letter) == std::string_view::npos) continue;
    kept.push_back({'-', option.letter});
    if (has_value) kept.push_back(std::move(option.value));
  }
  return kept;
}

std::optional<Server> find_server() {
  const auto ancestors = own_ancestors();
  std::optional<Server> found;
  for (const pid_t pid : list_processes()) {
    const auto process = read_process_status(pid);
    if (!process || process->name != name) continue;
    const auto words =
        words_of_listener(sys::read_file_or_empty("/proc/" + std::to_string(pid) + "/cmdline"));
    if (words.empty()) continue;
    const auto program = program_of(*process, words);
    if (!is_of_host(pid, program)) continue;
    const bool is_ours = std::find(ancestors.begin(), ancestors.end(), pid) != ancestors.end();
    if (!found || is_ours) found = Server{program, options_of_configuration(words), true};
    if (is_ours) break;
  }
  if (found) return found;
  const auto installed = host_program::find(std::string(name));
  if (installed.empty()) return std::nullopt;
  return Server{installed, {}, false};
}

Settings ask(const Server& server, const std::string& user,
             const network::SshConnection& connection) {
  const std::string client = connection.client.empty() ? "127.0.0.1" : connection.client;
  std::string who = "user=" + user + ",host=" + client + ",addr=" + client;
  if (!connection.server.empty())
    who += ",laddr=" + connection.server + ",lport=" + std::to_string(connection.port);
  std::vector<std::string> arguments{server.program, "-T"};
  arguments.insert(arguments.end(), server.options.begin(), server.options.end());
  arguments.insert(arguments.end(), {"-C", who});
  const auto answer = host_program::run(arguments, std::chrono::seconds(10));
  if (answer.status != 0)
    throw Failure("this host's ssh server does not say how it is configured: " +
                      host_program::last_line(answer.errors),
                  "see what " + server.program +
                      " -T says (without a service that runs it, mkdir /run/sshd may help), or "
                      "take over with --no-ssh");
  return Settings(answer.output);
}

}  // namespace dboot::ssh
