#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "shared/network/message.hpp"

struct nl_sock;

namespace dboot::netlink {

/// A socket of rtnetlink(7), in the network namespace of who makes it. Waits for the kernel, which
/// answers as soon as nobody else changes the network.
class Socket {
 public:
  /// Throws std::system_error.
  Socket();

  /// All that the kernel has of one kind: `question` is one of RTM_GET. Empty where the kernel
  /// knows no such kind. Asks again when something has changed meanwhile. Throws std::system_error.
  std::vector<Message> dump(const Message& question);

  /// Sends a request, and returns what is answered. `flags`: NLM_F_CREATE and the like. Throws
  /// std::system_error, with the kernel's own words where it has some.
  std::vector<Message> request(const Message& message, int flags);

 private:
  struct Close {
    void operator()(nl_sock* socket) const noexcept;
  };
  struct Answer;

  Answer exchange(const Message& message, int flags);

  std::unique_ptr<nl_sock, Close> socket_;
};

}  // namespace dboot::netlink
