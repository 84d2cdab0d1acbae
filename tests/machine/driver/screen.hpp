#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/machine/driver/machine.hpp"

namespace dboot::machine {

struct Colour {
  std::uint8_t red = 0;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;
  bool operator==(const Colour&) const = default;
};

/// What a machine's screen shows.
class Screen {
 public:
  /// An image as in ppm(5), binary ("P6") with 8 bits a colour. Throws std::runtime_error.
  explicit Screen(std::string_view ppm);

  unsigned width() const { return width_; }
  unsigned height() const { return height_; }
  /// How much of it has about that colour, from 0 to 1.
  double share_of(Colour colour) const;

 private:
  unsigned width_ = 0;
  unsigned height_ = 0;
  std::vector<Colour> pixels_;
};

/// Looks at the screen once a second until it is as wanted, and keeps that as the artefact
/// `name`.png. Throws TimedOut; what was there instead is kept.
void wait_for_screen(Machine& machine, const std::string& name, std::chrono::seconds timeout,
                     const std::function<bool(const Screen&)>& wanted);

}  // namespace dboot::machine
