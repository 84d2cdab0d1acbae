#include "payload/attach/client.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "payload/attach/messages.hpp"
#include "shared/plan/layout.hpp"
#include "shared/terminal/streams.hpp"
#include "shared/terminal/terminal.hpp"

namespace dboot::attach {
namespace {

UniqueFd connect() {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, layout::command_socket, sizeof address.sun_path - 1);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return {};
  return fd;
}

class Client {
 public:
  explicit Client(int socket)
      : to_relay_(socket),
        from_relay_(socket),
        typed_(STDIN_FILENO),
        shown_(STDOUT_FILENO),
        is_terminal_(::isatty(STDIN_FILENO) == 1) {}

  /// True when the command has ended, false when it was left.
  bool run() {
    const terminal::SizeChanges size_changes;
    while (!from_relay_.has_ended() && !is_left()) {
      if (is_terminal_ && terminal::SizeChanges::take()) tell_size();
      wait();
      if (to_relay_.is_clear()) pass_typed();
      if (shown_.is_clear()) shown_.put(from_relay_.take());
      to_relay_.flush();
      shown_.flush();
    }
    return from_relay_.has_ended();
  }

 private:
  void wait() {
    std::vector<pollfd> polled{to_relay_.wanted(), shown_.wanted()};
    if (to_relay_.is_clear()) polled.push_back(typed_.wanted());
    if (shown_.is_clear()) polled.push_back(from_relay_.wanted());
    sigset_t mask;
    ::sigprocmask(SIG_SETMASK, nullptr, &mask);
    mask = terminal::SizeChanges::open(mask);
    ::ppoll(polled.data(), polled.size(), nullptr, &mask);
  }

  void pass_typed() {
    const auto typed = typed_.take();
    to_relay_.put(encode(is_terminal_ ? keys_.pass(typed) : typed));
  }

  /// By its keys, by the end of what is typed, or because nobody looks on any more.
  bool is_left() const {
    const bool is_over = keys_.are_typed() || typed_.has_ended();
    return shown_.broken() != 0 || to_relay_.broken() != 0 || (is_over && to_relay_.is_clear());
  }

  void tell_size() {
    winsize size{};
    if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row != 0)
      to_relay_.put(encode(Window{size.ws_row, size.ws_col}));
  }

  Outlet to_relay_;
  Inlet from_relay_;
  Inlet typed_;
  Outlet shown_;
  bool is_terminal_;
  DetachKeys keys_;
};

void say(std::string_view what) {
  std::fprintf(stderr, "\r\n%s: %.*s\r\n", client_name, static_cast<int>(what.size()), what.data());
}

}  // namespace

int run_client(int argc, char** argv) {
  if (argc > 1) {
    const bool is_asked = std::string_view(argv[1]) == "--help";
    std::fprintf(is_asked ? stdout : stderr,
                 "Usage: %s\nAttaches this terminal to the command that dboot-init looks after. "
                 "Ctrl-P Ctrl-Q leaves it.\n",
                 client_name);
    return is_asked ? 0 : 1;
  }
  ::signal(SIGPIPE, SIG_IGN);
  terminal::occupy_standard_streams();
  const UniqueFd socket = connect();
  if (!socket) {
    say(std::string("cannot attach to the command: ") + std::strerror(errno) + " (" +
        layout::command_socket + "); it has the console itself (--console), or has ended");
    return 1;
  }
  bool has_ended = false;
  {
    const terminal::RawMode raw(STDIN_FILENO);
    has_ended = Client(socket.get()).run();
  }
  say(has_ended ? "the command has ended" : "left; the command goes on");
  return 0;
}

}  // namespace dboot::attach
