#include "injector/archive/file_set.hpp"

#include "injector/byte_size.hpp"
#include "injector/document/json.hpp"
#include "injector/failure.hpp"

namespace dboot::image {

std::string read_document(const FileSet& files, const std::string& name) {
  const std::uint64_t size = files.size(name);
  if (size > largest_document) {
    throw Failure(name + " in " + files.description() + " has " + byte_size(size) +
                      ", and no document of an image has more than " + byte_size(largest_document),
                  "take an image that was not tampered with");
  }
  std::string text;
  text.reserve(size);
  const auto stream = files.open(name);
  for (auto bytes = stream->next(); !bytes.empty(); bytes = stream->next())
    text.append(bytes.data(), bytes.size());
  return text;
}

std::string with_ref(const std::string& description) {
  const auto colon = description.find(':');
  const auto path = description.substr(colon + 1);
  if (path.find(':') == std::string::npos) return description + ":REF";
  return description.substr(0, colon) + ":-:REF <" + path;
}

}  // namespace dboot::image
