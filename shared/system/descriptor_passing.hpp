#pragma once

#include <sys/types.h>

#include <span>
#include <string_view>
#include <vector>

#include "shared/system/unique_fd.hpp"

/// Descriptors through a Unix socket (SCM_RIGHTS, unix(7)).
namespace dboot::descriptor_passing {

/// Sends `text`, which must not be empty, with a descriptor. Throws std::system_error.
void send(int socket, std::string_view text, int fd);

/// Receives what has come, with recvmsg(2)'s flags, and adds descriptors to `fds`. The number of
/// bytes; 0 at the end; -1 with errno set on failure.
ssize_t receive(int socket, std::span<char> text, std::vector<UniqueFd>& fds, int flags = 0);

}  // namespace dboot::descriptor_passing
