#include "shared/network/socket.hpp"

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netdb.h>
#include <netlink/errno.h>
#include <netlink/handlers.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <sys/socket.h>

#include <cerrno>
#include <new>
#include <optional>
#include <string>
#include <system_error>

namespace dboot::netlink {

struct Socket::Answer {
  std::vector<Message> messages;
  int error = 0;  ///< errno
  std::string words;
  bool complete = false;
  bool changed_meanwhile = false;
};

namespace {

template <class Answer>
int take_message(nl_msg* message, void* to) {
  auto* const header = ::nlmsg_hdr(message);
  // Those of the one exchange.
  header->nlmsg_flags = 0;
  header->nlmsg_seq = 0;
  header->nlmsg_pid = 0;
  auto parsed = Message::parse({reinterpret_cast<const char*>(header), header->nlmsg_len});
  if (parsed) static_cast<Answer*>(to)->messages.push_back(std::move(*parsed));
  return NL_OK;
}

/// A dump that breaks off says so in its last message.
template <class Answer>
int take_end(nl_msg* message, void* to) {
  auto& answer = *static_cast<Answer*>(to);
  const auto* const header = ::nlmsg_hdr(message);
  const std::string_view bytes(reinterpret_cast<const char*>(header), header->nlmsg_len);
  if (header->nlmsg_type == NLMSG_DONE && bytes.size() > NLMSG_HDRLEN)
    answer.error = -number_of<std::int32_t>(bytes.substr(NLMSG_HDRLEN)).value_or(0);
  answer.complete = true;
  return NL_STOP;
}

/// What the kernel says of an error stands behind it
/// (Documentation/userspace-api/netlink/intro.rst: "Extended ACK").
std::string words_behind(const nlmsgerr* error) {
  const auto* const header = reinterpret_cast<const nlmsghdr*>(error) - 1;
  if ((header->nlmsg_flags & NLM_F_ACK_TLVS) == 0) return "";
  const bool is_capped = (header->nlmsg_flags & NLM_F_CAPPED) != 0;
  const std::size_t echoed = is_capped ? 0 : error->msg.nlmsg_len - sizeof(nlmsghdr);
  const std::size_t at = sizeof(nlmsghdr) + NLMSG_ALIGN(sizeof(nlmsgerr) + echoed);
  const std::string_view bytes(reinterpret_cast<const char*>(header), header->nlmsg_len);
  if (at > bytes.size()) return "";
  for (const auto& [type, value] : attributes_in(bytes.substr(at))) {
    if (type == NLMSGERR_ATTR_MSG) return std::string(value.substr(0, value.find('\0')));
  }
  return "";
}

template <class Answer>
int take_error(sockaddr_nl*, nlmsgerr* error, void* to) {
  auto& answer = *static_cast<Answer*>(to);
  answer.error = -error->error;
  answer.words = words_behind(error);
  answer.complete = true;
  return NL_STOP;
}

void check(int result, const char* attempted) {
  if (result >= 0) return;
  // Those of libnl have no number that a caller could use.
  throw std::system_error(EIO, std::generic_category(),
                          std::string(attempted) + " (" + ::nl_geterror(result) + ")");
}

}  // namespace

void Socket::Close::operator()(nl_sock* socket) const noexcept {
  ::nl_socket_free(socket);
}

Socket::Socket() : socket_(::nl_socket_alloc()) {
  if (!socket_) throw std::bad_alloc();
  check(::nl_connect(socket_.get(), NETLINK_ROUTE), "open a socket of rtnetlink");
  // What the kernel says may be longer than any buffer.
  ::nl_socket_enable_msg_peek(socket_.get());
  const int on = 1;
  ::setsockopt(::nl_socket_get_fd(socket_.get()), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
}

Socket::Answer Socket::exchange(const Message& message, int flags) {
  Answer answer;
  std::string bytes = message.bytes();
  const std::unique_ptr<nl_msg, decltype(&::nlmsg_free)> request(
      ::nlmsg_convert(reinterpret_cast<nlmsghdr*>(bytes.data())), ::nlmsg_free);
  const std::unique_ptr<nl_cb, decltype(&::nl_cb_put)> callbacks(::nl_cb_alloc(NL_CB_DEFAULT),
                                                                 ::nl_cb_put);
  if (!request || !callbacks) throw std::bad_alloc();
  // Of a message that was received they say something else.
  ::nlmsg_hdr(request.get())->nlmsg_flags = static_cast<std::uint16_t>(flags);
  ::nlmsg_hdr(request.get())->nlmsg_seq = NL_AUTO_SEQ;
  ::nlmsg_hdr(request.get())->nlmsg_pid = NL_AUTO_PID;
  ::nl_cb_set(callbacks.get(), NL_CB_VALID, NL_CB_CUSTOM, take_message<Answer>, &answer);
  ::nl_cb_set(callbacks.get(), NL_CB_FINISH, NL_CB_CUSTOM, take_end<Answer>, &answer);
  ::nl_cb_set(callbacks.get(), NL_CB_ACK, NL_CB_CUSTOM, take_end<Answer>, &answer);
  ::nl_cb_err(callbacks.get(), NL_CB_CUSTOM, take_error<Answer>, &answer);
  check(::nl_send_auto(socket_.get(), request.get()), "send to rtnetlink");
  while (!answer.complete) {
    const int result = ::nl_recvmsgs(socket_.get(), callbacks.get());
    if (result == -NLE_DUMP_INTR) answer.changed_meanwhile = true;
    if (answer.error == 0 && result != -NLE_DUMP_INTR) check(result, "hear from rtnetlink");
    if (answer.changed_meanwhile) break;
  }
  return answer;
}

std::vector<Message> Socket::dump(const Message& question) {
  constexpr int most_attempts = 10;
  for (int attempt = 1;; ++attempt) {
    auto answer = exchange(question, NLM_F_DUMP);
    if (answer.error == EOPNOTSUPP || answer.error == EAFNOSUPPORT) return {};
    if (answer.error != 0)
      throw std::system_error(answer.error, std::generic_category(),
                              "ask rtnetlink for all of kind " + std::to_string(question.type()));
    if (!answer.changed_meanwhile || attempt == most_attempts) return std::move(answer.messages);
  }
}

std::vector<Message> Socket::request(const Message& message, int flags) {
  auto answer = exchange(message, NLM_F_REQUEST | NLM_F_ACK | flags);
  if (answer.error != 0)
    throw std::system_error(answer.error, std::generic_category(),
                            answer.words.empty() ? "rtnetlink" : answer.words);
  return std::move(answer.messages);
}

}  // namespace dboot::netlink

// libnl can turn names into addresses and numbers, which nobody here asks of it. glibc's functions
// for that load shared libraries of the root that they run in (nss(5)), even into a static program:
// these take their place, and make a payload a sixth smaller.
extern "C" {

int getaddrinfo(const char*, const char*, const addrinfo*, addrinfo**) {
  return EAI_FAIL;
}

void freeaddrinfo(addrinfo*) noexcept {}

int getnameinfo(const sockaddr*, socklen_t, char*, socklen_t, char*, socklen_t, int) {
  return EAI_FAIL;
}

protoent* getprotobyname(const char*) {
  return nullptr;
}

protoent* getprotobynumber(int) {
  return nullptr;
}

}  // extern "C"
