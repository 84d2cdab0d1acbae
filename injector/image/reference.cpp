#include "injector/image/reference.hpp"

#include <array>
#include <string_view>

#include "injector/failure.hpp"

namespace dboot::image {
namespace {

struct Form {
  std::string_view name;
  Transport transport;
  bool holds_several;  ///< :REF may follow the path
};

constexpr std::array<Form, 7> forms{{
    {"docker-daemon", Transport::engine, false},
    {"podman", Transport::podman, false},
    {"docker-archive", Transport::docker_archive, true},
    {"oci-archive", Transport::oci_archive, true},
    {"oci", Transport::oci_layout, true},
    {"dir", Transport::directory, false},
    {"tar", Transport::tar, false},
}};

/// Transports of skopeo and its relatives that are none here. Without this list they would be names
/// in the engine, and "no such image" a riddle.
constexpr std::array<std::string_view, 10> foreign{
    "docker", "containers-storage", "ostree", "sif", "tarball", "atomic", "http", "https",
    "file",   "docker-tarball"};

constexpr const char* mend =
    "IMAGE is NAME or docker-daemon:NAME (Docker engine), podman:NAME, docker-archive:FILE[:REF], "
    "oci-archive:FILE[:REF], oci:DIRECTORY[:REF], dir:DIRECTORY, tar:FILE, - (standard input), or "
    "a path that begins with /, ./ or ../";

bool is_path(std::string_view text) {
  return text.starts_with("/") || text.starts_with("./") || text.starts_with("../") ||
         text == "." || text == "..";
}

bool is_foreign(std::string_view word, std::string_view rest) {
  if (rest.starts_with("//")) return true;
  for (const std::string_view name : foreign) {
    // "docker:24" is an image, "docker://…" is none.
    if (name == word && name != "docker") return true;
  }
  return false;
}

}  // namespace

std::string name_of(Transport transport) {
  for (const Form& form : forms) {
    if (form.transport == transport) return std::string(form.name);
  }
  return {};
}

Reference parse_reference(const std::string& text) {
  if (text == "-") return {Transport::standard_input, "", ""};
  if (text.empty()) throw Failure("IMAGE is empty", mend);
  if (text.find('\0') != std::string::npos) throw Failure("IMAGE contains a NUL byte", mend);
  if (is_path(text)) return {Transport::path, text, ""};

  const auto colon = text.find(':');
  if (colon == std::string::npos) return {Transport::engine, text, ""};
  const std::string word = text.substr(0, colon);
  const std::string rest = text.substr(colon + 1);
  for (const Form& form : forms) {
    if (form.name != word) continue;
    Reference reference{form.transport, rest, ""};
    if (const auto end = rest.find(':'); form.holds_several && end != std::string::npos) {
      reference.location = rest.substr(0, end);
      reference.image = rest.substr(end + 1);
      if (reference.image.empty()) throw Failure(text + " ends where an image is to follow", mend);
    }
    if (reference.location.empty()) throw Failure(text + " does not say which image", mend);
    return reference;
  }
  if (is_foreign(word, rest)) throw Failure(word + ": is no transport that is known here", mend);
  return {Transport::engine, text, ""};
}

}  // namespace dboot::image
