#include "injector/rehearsal/escape_keys.hpp"

namespace dboot {

bool EscapeKeys::complete(std::string_view keys, TimePoint now) {
  constexpr char control_bracket = 0x1d;
  constexpr int times = 3;
  constexpr std::chrono::seconds within{1};
  for (const char key : keys) {
    if (key != control_bracket) {
      count_ = 0;
      continue;
    }
    if (count_ == 0 || now - first_ > within) {
      count_ = 0;
      first_ = now;
    }
    if (++count_ == times) return true;
  }
  return false;
}

}  // namespace dboot
