#include "payload/release/swap.hpp"

#include <sys/swap.h>

#include <sstream>

#include "payload/system/blocking.hpp"
#include "shared/log/log.hpp"
#include "shared/proc/mount_table.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::swap {

std::vector<std::string> parse(std::string_view swaps) {
  std::vector<std::string> paths;
  std::istringstream lines{std::string(swaps)};
  std::string line;
  std::getline(lines, line);  // the heading
  while (std::getline(lines, line)) {
    auto path = decode_octal(std::string_view(line).substr(0, line.find_first_of(" \t")));
    if (!path.empty()) paths.push_back(std::move(path));
  }
  return paths;
}

Task<std::size_t> detach_all(Permissions permissions) {
  using namespace std::chrono_literals;
  if (!permissions.allows_logged(Action::detach_swap)) co_return 0;
  std::size_t gone = 0;
  for (const auto& area : parse(sys::read_file_or_empty("/proc/swaps"))) {
    // As the kernel writes it, the path is valid from the root of who reads: below the old root's
    // new place, as long as that is mounted.
    blocking::Work work = [&area](const blocking::Report&) {
      sys::check(::swapoff(area.c_str()), "swapoff ", area);
    };
    // Everything in it is read back, from a disk that may be slow.
    auto child = blocking::run("swapoff " + area, 5min, std::move(work));
    const auto outcome = co_await std::move(child);
    if (outcome.finished()) {
      ++gone;
      log::info("swap detached", {{"area", area}});
    } else {
      log::error("swap stays", {{"area", area}, {"reason", outcome.error}});
    }
  }
  co_return gone;
}

}  // namespace dboot::swap
