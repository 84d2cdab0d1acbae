#include "injector/rehearsal/escape_keys.hpp"

namespace dboot {

bool EscapeKeys::complete(std::string_view keys, TimePoint now) {
  constexpr char control_bracket = 0x1d;
  constexpr std::size_t times = 3;
  constexpr std::chrono::seconds within{1};
  for (const char key : keys) {
    if (key != control_bracket) {
      pressed_.clear();
      continue;
    }
    pressed_.push_back(now);
    if (pressed_.size() > times) pressed_.pop_front();
    if (pressed_.size() == times && now - pressed_.front() <= within) return true;
  }
  return false;
}

}  // namespace dboot
