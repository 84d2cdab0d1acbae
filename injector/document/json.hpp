#pragma once

#include <boost/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

/// JSON that others wrote: bounded, and read member by member.
namespace dboot::image {

/// A document that is not what it should be. what() says where and why, and leaves the name of the
/// document to whoever knows it.
class BadDocument : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What registries accept as a manifest, and more than any image's configuration takes.
inline constexpr std::size_t largest_document = 4U << 20U;

/// At most 32 levels deep and `limit` bytes long. Throws BadDocument.
boost::json::value parse_json(std::string_view text, std::size_t limit = largest_document);

/// The member of that name; null where `value` is no object or has none.
const boost::json::value& member(const boost::json::value& value, std::string_view name);

/// Empty where there is none, or null. Throws BadDocument when it is something else than a string,
/// or contains a NUL byte, which no argument, variable or path can hold.
std::string string_member(const boost::json::value& value, std::string_view name);

/// As string_member, for a list: absent, null and empty mean the same.
std::vector<std::string> strings_member(const boost::json::value& value, std::string_view name);

/// Absent and null are an empty list. Throws BadDocument when it is something else.
const boost::json::array& list_member(const boost::json::value& value, std::string_view name);

/// A number of bytes. Throws BadDocument when it is absent, negative, a fraction or beyond 2^63
/// - 1.
std::uint64_t size_member(const boost::json::value& value, std::string_view name);

}  // namespace dboot::image
