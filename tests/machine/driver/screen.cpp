#include "tests/machine/driver/screen.hpp"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <cstdlib>
#include <sstream>
#include <stdexcept>

#include "shared/system/syscalls.hpp"
#include "tests/machine/driver/files.hpp"

namespace dboot::machine {
namespace {

/// Anti-aliasing and the rounding of 16-bit colours.
constexpr int tolerance = 8;

bool is_about(Colour one, Colour other) {
  const auto near = [](int a, int b) { return std::abs(a - b) <= tolerance; };
  return near(one.red, other.red) && near(one.green, other.green) && near(one.blue, other.blue);
}

Screen look_at(Machine& machine) {
  const files::Scratch file(files::artefact("screen.ppm"));
  machine.qmp().execute("screendump", {{"filename", file.path()}, {"format", "ppm"}});
  return Screen(sys::read_file(file.path()));
}

}  // namespace

Screen::Screen(std::string_view ppm) {
  std::istringstream header{std::string(ppm.substr(0, 64))};
  std::string magic;
  unsigned most = 0;
  if (!(header >> magic >> width_ >> height_ >> most) || magic != "P6" || most != 255)
    throw std::runtime_error("this is no image in PPM");
  const auto begin = static_cast<std::size_t>(header.tellg()) + 1;
  const std::size_t count = std::size_t{width_} * height_;
  if (ppm.size() < begin + count * 3) throw std::runtime_error("the image is cut off");
  pixels_.reserve(count);
  for (std::size_t at = begin; pixels_.size() < count; at += 3)
    pixels_.push_back({static_cast<std::uint8_t>(ppm[at]), static_cast<std::uint8_t>(ppm[at + 1]),
                       static_cast<std::uint8_t>(ppm[at + 2])});
}

double Screen::share_of(Colour colour) const {
  if (pixels_.empty()) return 0;
  const auto count = std::count_if(pixels_.begin(), pixels_.end(),
                                   [&](Colour pixel) { return is_about(pixel, colour); });
  return static_cast<double>(count) / static_cast<double>(pixels_.size());
}

void wait_for_screen(Machine& machine, const std::string& name, std::chrono::seconds timeout,
                     const std::function<bool(const Screen&)>& wanted) {
  // QEMU has no event for what changes on a screen.
  boost::asio::steady_timer timer(machine.loop().context());
  const auto end = std::chrono::steady_clock::now() + timeout;
  while (!wanted(look_at(machine))) {
    if (std::chrono::steady_clock::now() > end) {
      machine.qmp().screenshot(files::artefact("no-" + name + ".png"));
      throw TimedOut("the screen never showed: " + name);
    }
    bool looked_away = false;
    timer.expires_after(std::chrono::seconds(1));
    timer.async_wait([&](const auto&) { looked_away = true; });
    machine.loop().run_until([&] { return looked_away; }, 60s, "the next look at the screen");
  }
  machine.qmp().screenshot(files::artefact(name + ".png"));
}

}  // namespace dboot::machine
