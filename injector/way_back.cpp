#include "injector/way_back.hpp"

#include "shared/text/duration.hpp"

namespace dboot::way_back {

const std::string_view into_the_old = "reboots into the system on its disk";

std::string after_the_command(OnExit on_exit) {
  switch (on_exit) {
    case OnExit::restart:
      return "starts it again";
    case OnExit::poweroff:
      return "is switched off";
    case OnExit::reboot:
      return std::string(into_the_old);
    default:
      return "asks on its console what to do, and without one " + std::string(into_the_old);
  }
}

std::string without_confirmation(std::chrono::milliseconds within) {
  return std::string(into_the_old) + " unless somebody types dboot-confirm within " +
         in_words(std::chrono::ceil<std::chrono::seconds>(within));
}

std::string after_a_failure(OnFailure on_failure) {
  if (on_failure == OnFailure::reboot) return std::string(into_the_old) + " after ten seconds";
  return "offers a shell on its console, and without a key for ten minutes " +
         std::string(into_the_old);
}

}  // namespace dboot::way_back
