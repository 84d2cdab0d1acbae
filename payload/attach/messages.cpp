#include "payload/attach/messages.hpp"

#include <algorithm>
#include <array>

namespace dboot::attach {
namespace {

constexpr char typed_mark = 't';
constexpr char window_mark = 'w';
constexpr std::size_t head = 3;         // the mark, and the number of bytes
constexpr std::size_t window_size = 5;  // the mark, and two numbers
constexpr std::size_t most = 0xFFFF;

constexpr char ctrl_p = 0x10;
constexpr char ctrl_q = 0x11;

void put(std::string& to, std::size_t number) {
  to += static_cast<char>(number & 0xFFU);
  to += static_cast<char>(number >> 8U & 0xFFU);
}

std::uint16_t get(std::string_view from) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(from[0]) |
                                    static_cast<unsigned char>(from[1]) << 8U);
}

}  // namespace

std::string encode(std::string_view typed) {
  std::string message;
  for (; !typed.empty(); typed.remove_prefix(std::min(typed.size(), most))) {
    const auto part = typed.substr(0, most);
    message += typed_mark;
    put(message, part.size());
    message += part;
  }
  return message;
}

std::string encode(const Window& window) {
  std::string message(1, window_mark);
  put(message, window.rows);
  put(message, window.columns);
  return message;
}

std::optional<Message> Reader::next() {
  const std::string_view rest = rest_;
  if (broken_ || rest.size() < head) return std::nullopt;
  if (rest[0] == typed_mark) {
    const std::size_t size = get(rest.substr(1));
    if (rest.size() < head + size) return std::nullopt;
    Typed typed{std::string(rest.substr(head, size))};
    rest_.erase(0, head + size);
    return typed;
  }
  if (rest[0] == window_mark) {
    if (rest.size() < window_size) return std::nullopt;
    const Window window{get(rest.substr(1)), get(rest.substr(3))};
    rest_.erase(0, window_size);
    return window;
  }
  broken_ = true;
  return std::nullopt;
}

std::string DetachKeys::pass(std::string_view typed) {
  std::string passed;
  for (const char key : typed) {
    if (half_ && key == ctrl_q) {
      typed_ = true;
      break;
    }
    if (half_) passed += ctrl_p;
    half_ = key == ctrl_p;
    if (!half_) passed += key;
  }
  return passed;
}

}  // namespace dboot::attach
