#include "tests/support/docker_engine.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>

#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

constexpr const char* program = "/usr/sbin/dockerd";

UniqueFd connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  UniqueFd fd(sys::check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  sys::check(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
             "connect ", path);
  return fd;
}

std::string escape(const std::string& text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string result;
  for (const char character : text) {
    if (std::isalnum(static_cast<unsigned char>(character)) != 0) {
      result += character;
      continue;
    }
    const auto byte = static_cast<unsigned char>(character);
    result += {'%', digits[byte >> 4U], digits[byte & 15U]};
  }
  return result;
}

std::string body_of(const std::string& answer) {
  const auto end_of_headers = answer.find("\r\n\r\n");
  if (end_of_headers == std::string::npos) throw std::runtime_error("no answer: " + answer);
  return answer.substr(end_of_headers + 4);
}

}  // namespace

std::string http_request(const std::string& socket_path, const std::string& method,
                         const std::string& target, const std::string& body,
                         const std::string& type, const std::string& headers) {
  const UniqueFd fd = connect_to(socket_path);
  std::string request = method;
  request.append(" ").append(target).append(" HTTP/1.0\r\nHost: localhost\r\n");
  if (!type.empty()) request.append("Content-Type: ").append(type).append("\r\n");
  request.append(headers)
      .append("Content-Length: ")
      .append(std::to_string(body.size()))
      .append("\r\n\r\n");
  sys::write_all(fd.get(), request);
  sys::write_all(fd.get(), body);
  std::string answer;
  std::array<char, 65536> buffer;
  while (const auto count = sys::check(::read(fd.get(), buffer.data(), buffer.size()), "read")) {
    answer.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return answer;
}

bool DockerEngine::is_installed() {
  return ::access(program, X_OK) == 0;
}

DockerEngine::DockerEngine(const std::string& storage_driver) {
  start(storage_driver);
  try {
    wait_until_it_answers();
  } catch (...) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    throw;
  }
}

DockerEngine::~DockerEngine() {
  // It takes its containerd with it and unmounts what it has mounted.
  ::kill(pid_, SIGTERM);
  ::waitpid(pid_, nullptr, 0);
}

void DockerEngine::start(const std::string& storage_driver) {
  const std::vector<std::string> arguments{
      program,
      "--host=unix://" + socket_path(),
      "--data-root=" + (directory_ / "data").string(),
      "--exec-root=" + (directory_ / "exec").string(),
      "--pidfile=" + (directory_ / "pid").string(),
      "--iptables=false",
      "--ip6tables=false",
      "--ip-forward=false",
      "--bridge=none",
      "--storage-driver=" + storage_driver,
  };
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const UniqueFd log = sys::open((directory_ / "log").string(), O_WRONLY | O_CREAT, 0600);
  pid_ = sys::check(::fork(), "fork");
  if (pid_ != 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  ::dup2(log.get(), STDOUT_FILENO);
  ::dup2(log.get(), STDERR_FILENO);
  ::execv(program, argv.data());
  ::_exit(127);
}

void DockerEngine::wait_until_it_answers() const {
  constexpr int interval = 50;
  const UniqueFd ended = sys::try_pidfd_open(pid_);
  for (int waited = 0; waited < 30'000; waited += interval) {
    pollfd poll{ended.get(), POLLIN, 0};
    if (::poll(&poll, 1, interval) > 0) break;
    try {
      if (http_request(socket_path(), "GET", "/_ping").find("OK") != std::string::npos) return;
    } catch (const std::system_error&) {
    }
  }
  throw std::runtime_error("dockerd does not answer: " + read_text(directory_ / "log"));
}

std::string DockerEngine::import(const std::string& name, const std::string& archive,
                                 const std::vector<std::string>& changes) {
  std::string target = "/images/create?fromSrc=-&repo=" + escape(name);
  for (const auto& change : changes) target += "&changes=" + escape(change);
  const std::string answer = http_request(socket_path(), "POST", target, archive);
  const auto id = answer.find("sha256:");
  if (id == std::string::npos) throw std::runtime_error("cannot import: " + answer);
  return answer.substr(id, std::strlen("sha256:") + 64);
}

std::string DockerEngine::add_layer(const std::string& image, const std::string& name,
                                    const std::string& archive) {
  const auto post = [&](const std::string& method, const std::string& target,
                        const std::string& body) {
    return http_request(socket_path(), method, target, body, "application/json");
  };
  post("POST", "/containers/create?name=add-layer", R"({"Image":")" + image + R"(","Cmd":["/"]})");
  http_request(socket_path(), "PUT", "/containers/add-layer/archive?path=/", archive);
  const std::string answer = post("POST", "/commit?container=add-layer&repo=" + escape(name), "{}");
  http_request(socket_path(), "DELETE", "/containers/add-layer");
  const auto id = answer.find("sha256:");
  if (id == std::string::npos) throw std::runtime_error("cannot commit: " + answer);
  return answer.substr(id, std::strlen("sha256:") + 64);
}

std::string DockerEngine::uppermost_layer(const std::string& image) const {
  const std::string answer = http_request(socket_path(), "GET", "/images/" + image + "/json");
  const std::string key = R"("UpperDir":")";
  const auto begin = answer.find(key);
  if (begin == std::string::npos) throw std::runtime_error("no overlay2: " + answer);
  const auto path = begin + key.size();
  return answer.substr(path, answer.find('"', path) - path);
}

void DockerEngine::remove_image(const std::string& name) {
  http_request(socket_path(), "DELETE", "/images/" + name + "?force=true");
}

void DockerEngine::push(const std::string& image, const std::string& registry,
                        const std::string& name) {
  const std::string repository = registry + "/" + name;
  http_request(socket_path(), "POST", "/images/" + image + "/tag?repo=" + escape(repository));
  const std::string answer =
      http_request(socket_path(), "POST", "/images/" + repository + "/push?tag=latest", "", "",
                   "X-Registry-Auth: e30=\r\n");
  if (answer.find("digest") == std::string::npos)
    throw std::runtime_error("cannot push: " + answer);
  remove_image(repository);
}

void DockerEngine::claim_architecture(const std::string& name, const std::string& from,
                                      const std::string& to) {
  std::string saved = body_of(http_request(socket_path(), "GET", "/images/" + name + "/get"));
  const std::string before = R"("architecture":")" + from;
  const std::string after = R"("architecture":")" + to;
  for (auto at = saved.find(before); at != std::string::npos; at = saved.find(before, at)) {
    saved.replace(at, before.size(), after);
  }
  const std::string answer = http_request(socket_path(), "POST", "/images/load?quiet=1", saved);
  if (answer.find("Loaded image") == std::string::npos) {
    throw std::runtime_error("cannot load: " + answer);
  }
}

std::string DockerEngine::containers() const {
  std::string list = body_of(http_request(socket_path(), "GET", "/containers/json?all=true"));
  while (!list.empty() && list.back() == '\n') list.pop_back();
  return list;
}

}  // namespace dboot
