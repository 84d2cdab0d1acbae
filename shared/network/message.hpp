#pragma once

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Messages of rtnetlink(7), as the kernel sends and takes them.
namespace dboot::netlink {

enum class Kind : std::uint8_t { link, address, nexthop, route, rule, neighbour, other };

struct Attribute {
  int type = 0;
  std::string_view value;  ///< its bytes
};

/// Those in a row of bytes: of a message, or nested in another one. Stops where one is cut short.
std::vector<Attribute> attributes_in(std::string_view bytes);

/// The value of the first one of that type among them.
std::optional<std::string_view> find_in(std::string_view attributes, int type);

/// Up to the NUL that ends it.
std::string text_in(std::optional<std::string_view> bytes);

/// A number in the machine's own byte order; empty where there are too few bytes.
template <class Number>
std::optional<Number> number_of(std::optional<std::string_view> bytes) {
  if (!bytes || bytes->size() < sizeof(Number)) return std::nullopt;
  Number number{};
  std::memcpy(&number, bytes->data(), sizeof number);
  return number;
}

template <class Value>
std::string_view bytes_of(const Value& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

/// One message: its header, a body that its type has (rtmsg, ifaddrmsg...), and attributes.
class Message {
 public:
  /// Empty for bytes that are not one message, or have no room for their body.
  static std::optional<Message> parse(std::string bytes);

  std::uint16_t type() const noexcept;
  Kind kind() const noexcept;
  /// Of the type that the message has.
  template <class Body>
  Body body() const noexcept {
    return number_of<Body>(std::string_view(bytes_).substr(header_size)).value_or(Body{});
  }
  std::vector<Attribute> attributes() const;
  /// The value of the first one of that type.
  std::optional<std::string_view> find(int attribute) const;
  template <class Number>
  std::optional<Number> number(int attribute) const {
    return number_of<Number>(find(attribute));
  }
  const std::string& bytes() const noexcept { return bytes_; }

  bool operator==(const Message&) const = default;
  auto operator<=>(const Message&) const = default;

 private:
  static constexpr std::size_t header_size = 16;  // struct nlmsghdr

  explicit Message(std::string bytes) : bytes_(std::move(bytes)) {}

  std::string bytes_;
};

/// Puts a message together.
class Builder {
 public:
  template <class Body>
  Builder(std::uint16_t type, const Body& body) : type_(type), content_(bytes_of(body)) {
    pad();
  }
  Builder& put(int attribute, std::string_view value);
  template <class Number>
  Builder& put_number(int attribute, Number number) {
    return put(attribute, bytes_of(number));
  }
  /// Those of `from` that are listed, in the order of `from`.
  Builder& copy(const Message& from, std::initializer_list<int> attributes);
  Message message() const;

 private:
  void pad();

  std::uint16_t type_;
  std::string content_;
};

/// The bytes of an address of IP that is given as text; empty for other texts.
std::string bytes_of_address(const std::string& text);
/// The address of this host that a message is about, or that the packets of a route come from;
/// empty for other messages.
std::optional<std::string_view> own_address(const Message& message);

/// Attributes as the value of one that holds others.
std::string nested(std::initializer_list<Attribute> attributes);

}  // namespace dboot::netlink
