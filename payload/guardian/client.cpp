#include "payload/guardian/client.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "payload/guardian/vigil.hpp"
#include "shared/plan/layout.hpp"
#include "shared/system/syscalls.hpp"
#include "shared/text/duration.hpp"

namespace dboot::guardian {
namespace {

constexpr int no_command_line = 2;
constexpr const char* usage =
    "Usage: dboot-confirm [--extend TIME | --status | --now-back]\n"
    "Tells dboot that this system stays. Without that, the machine reboots into the one on its "
    "disk.\n\n"
    "  --extend TIME  not yet: it goes back in TIME from now (90s, 30m, 2h)\n"
    "  --status       how it stands\n"
    "  --now-back     back to the system on the disk, now\n"
    "  --help         this\n\n"
    "Exit status: 0, 1 when that cannot be done, 2 for a command line that is none.\n";

/// Empty for a command line that is none.
std::optional<Request> request_of(const std::vector<std::string_view>& words) {
  using Kind = Request::Kind;
  if (words.empty()) return Request{Kind::confirm};
  std::string_view option = words.front();
  std::optional<std::string_view> value;
  if (words.size() == 2) value = words[1];
  if (words.size() > 2) return std::nullopt;
  if (const auto equals = option.find('='); equals != std::string_view::npos && !value) {
    value = option.substr(equals + 1);
    option = option.substr(0, equals);
  }
  if (option == "--extend" && value) {
    const auto by = parse_duration(*value);
    if (!by || by->count() == 0) return std::nullopt;
    return Request{Kind::extend, *by};
  }
  if (value) return std::nullopt;
  if (option == "--status") return Request{Kind::status};
  if (option == "--now-back") return Request{Kind::back};
  return std::nullopt;
}

UniqueFd connect() {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, layout::guardian_socket, sizeof address.sun_path - 1);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return {};
  return fd;
}

/// Up to the end of the line.
std::string answer_of(int socket) {
  std::string text;
  std::array<char, 512> bytes;
  while (!text.ends_with('\n')) {
    const auto count = ::read(socket, bytes.data(), bytes.size());
    if (count <= 0) break;
    text.append(bytes.data(), static_cast<std::size_t>(count));
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

int complain(const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", client_name, what.c_str());
  return 1;
}

}  // namespace

int run_client(int argc, char** argv) {
  const std::vector<std::string_view> words(argv + 1, argv + argc);
  if (words.size() == 1 && words.front() == "--help") {
    std::fputs(usage, stdout);
    return 0;
  }
  const auto request = request_of(words);
  if (!request) {
    std::fputs(usage, stderr);
    return no_command_line;
  }
  const UniqueFd socket = connect();
  if (!socket) {
    if (errno == EACCES) return complain("only root can confirm: type sudo dboot-confirm");
    return complain(
        "nobody waits for it: this system was confirmed, or taken over without --confirm-within (" +
        std::string(layout::guardian_socket) + ": " + std::strerror(errno) + ")");
  }
  try {
    sys::write_all(socket.get(), encode(*request) + '\n');
  } catch (const std::exception& error) {
    return complain(error.what());
  }
  const auto answer = decode_answer(answer_of(socket.get()));
  if (!answer) return complain("the guardian does not answer");
  if (!answer->is_obeyed) return complain(answer->words);
  std::printf("%s\n", answer->words.c_str());
  return 0;
}

}  // namespace dboot::guardian
