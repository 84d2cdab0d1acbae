#include "shared/system/descriptor_passing.hpp"

#include <sys/socket.h>

#include <array>
#include <cstring>

#include "shared/system/syscalls.hpp"

namespace dboot::descriptor_passing {
namespace {

/// A message of one piece, with room for one descriptor.
struct Message {
  Message(char* text, std::size_t size) : data{text, size} {
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  iovec data;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr header{};
};

}  // namespace

void send(int socket, std::string_view text, int fd) {
  Message message(const_cast<char*>(text.data()), text.size());
  cmsghdr* rights = CMSG_FIRSTHDR(&message.header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
  sys::check(::sendmsg(socket, &message.header, MSG_NOSIGNAL), "send a descriptor");
}

ssize_t receive(int socket, std::span<char> text, std::vector<UniqueFd>& fds, int flags) {
  Message message(text.data(), text.size());
  const ssize_t count = ::recvmsg(socket, &message.header, flags | MSG_CMSG_CLOEXEC);
  if (count < 0) return count;
  for (cmsghdr* rights = CMSG_FIRSTHDR(&message.header); rights != nullptr;
       rights = CMSG_NXTHDR(&message.header, rights)) {
    if (rights->cmsg_level != SOL_SOCKET || rights->cmsg_type != SCM_RIGHTS) continue;
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(rights), sizeof fd);
    fds.emplace_back(fd);
  }
  return count;
}

}  // namespace dboot::descriptor_passing
