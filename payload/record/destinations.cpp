#include "payload/record/destinations.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <stdexcept>

#include "shared/log/destination.hpp"
#include "shared/log/sinks.hpp"
#include "shared/plan/layout.hpp"
#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

using log::Destination;

UniqueFd connect(const Destination& to) {
  constexpr int type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  UniqueFd fd(sys::check(::socket(to.address.ss_family, type, 0), "socket"));
  sys::check(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to.address), to.address_size),
             "connect");
  return fd;
}

/// The injector has made it; whatever else has the name is not touched.
UniqueFd open_in_root(const UniqueFd& directory, const std::string& path) {
  const UniqueFd root =
      sys::open_at(directory.get(), layout::root_name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  const UniqueFd found = sys::try_open_at2(root.get(), path, O_PATH, 0, RESOLVE_IN_ROOT);
  struct stat status {};
  if (!found || ::fstat(found.get(), &status) != 0) sys::fail(errno, {"open ", path});
  if (!S_ISREG(status.st_mode)) throw std::runtime_error(path + " is no file");
  UniqueFd file = sys::try_open_at2(root.get(), path, O_WRONLY | O_APPEND, 0, RESOLVE_IN_ROOT);
  if (!file) sys::fail(errno, {"open ", path});
  return file;
}

log::sinks::Sink sink_for(const Destination& destination, const UniqueFd& directory) {
  return destination.kind == Destination::Kind::udp
             ? log::sinks::datagrams(connect(destination))
             : log::sinks::file(open_in_root(directory, destination.name));
}

std::string earlier_lines(const UniqueFd& directory) {
  try {
    return sys::read_file_at(directory.get(), layout::payload_log_name);
  } catch (const std::system_error&) {
    return "";
  }
}

}  // namespace

void open_destinations(Context& context) {
  for (const auto& text : context.plan.log_to) {
    const auto destination = log::parse_destination(text);
    if (destination && destination->kind == Destination::Kind::terminal) continue;
    try {
      if (!destination) throw std::runtime_error("this payload does not know it");
      context.log.add_sink(sink_for(*destination, context.directory), Log::Level::trace,
                           earlier_lines(context.directory));
    } catch (const std::exception& error) {
      context.log.warning("no log there", {{"to", text}, {"reason", error.what()}});
    }
  }
}

}  // namespace dboot
