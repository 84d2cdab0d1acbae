#include "injector/document/json.hpp"

#include <boost/json/parse.hpp>

namespace dboot::image {
namespace {

namespace json = boost::json;

std::string text_of(const json::value& value, std::string_view name) {
  const auto* string = value.if_string();
  if (string == nullptr) throw BadDocument(std::string(name) + " is no string");
  if (string->find('\0') != json::string::npos)
    throw BadDocument(std::string(name) + " contains a NUL byte");
  return {string->begin(), string->end()};
}

}  // namespace

json::value parse_json(std::string_view text, std::size_t limit) {
  if (text.size() > limit) {
    throw BadDocument("it has " + std::to_string(text.size()) + " bytes, and at most " +
                      std::to_string(limit) + " are read");
  }
  json::parse_options options;
  options.max_depth = 32;
  json::error_code error;
  json::value value = json::parse(json::string_view(text.data(), text.size()), error, {}, options);
  if (error) throw BadDocument("it is no JSON: " + error.message());
  return value;
}

const json::value& member(const json::value& value, std::string_view name) {
  static const json::value null;
  const auto* object = value.if_object();
  if (object == nullptr) return null;
  const auto* found = object->if_contains(name);
  return found == nullptr ? null : *found;
}

std::string string_member(const json::value& value, std::string_view name) {
  const json::value& found = member(value, name);
  return found.is_null() ? std::string() : text_of(found, name);
}

std::vector<std::string> strings_member(const json::value& value, std::string_view name) {
  std::vector<std::string> result;
  for (const json::value& element : list_member(value, name)) {
    result.push_back(
        text_of(element, std::string(name) + "[" + std::to_string(result.size()) + "]"));
  }
  return result;
}

const json::array& list_member(const json::value& value, std::string_view name) {
  static const json::array none;
  const json::value& found = member(value, name);
  if (found.is_null()) return none;
  const auto* array = found.if_array();
  if (array == nullptr) throw BadDocument(std::string(name) + " is no list");
  return *array;
}

std::uint64_t size_member(const json::value& value, std::string_view name) {
  // What does not fit into a signed number is parsed as an unsigned one, or as a fraction.
  const auto* size = member(value, name).if_int64();
  if (size == nullptr || *size < 0) throw BadDocument(std::string(name) + " is no number of bytes");
  return static_cast<std::uint64_t>(*size);
}

}  // namespace dboot::image
