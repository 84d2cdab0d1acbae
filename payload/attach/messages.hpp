#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

/// What somebody who is attached to the command sends to whoever has its terminal: a byte that says
/// what follows, and in little-endian what it has. What comes back is output, and nothing else.
namespace dboot::attach {

struct Typed {
  std::string bytes;
};
struct Window {
  std::uint16_t rows = 0;
  std::uint16_t columns = 0;
};
using Message = std::variant<Typed, Window>;

std::string encode(std::string_view typed);
std::string encode(const Window& window);

/// Takes messages out of a stream of bytes.
class Reader {
 public:
  void add(std::string_view bytes) { rest_ += bytes; }
  /// The next that is complete.
  std::optional<Message> next();
  /// There was something else: nothing of what follows can be told.
  bool is_broken() const noexcept { return broken_; }

 private:
  std::string rest_;
  bool broken_ = false;
};

/// Ctrl-P Ctrl-Q, as `docker attach` has it.
class DetachKeys {
 public:
  /// What is to be passed on of what was typed. Ctrl-P alone waits for what follows.
  std::string pass(std::string_view typed);
  /// Both have come.
  bool are_typed() const noexcept { return typed_; }

 private:
  bool half_ = false;
  bool typed_ = false;
};

}  // namespace dboot::attach
