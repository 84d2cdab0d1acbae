#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "injector/engine/client.hpp"

/// What a container engine says while it fetches an image from a registry.
namespace dboot::image {

/// One line of it: https://docs.docker.com/reference/api/engine/ (ImageCreate).
struct PullEvent {
  std::string id;      ///< of a layer, or a tag; empty: about the whole
  std::string status;  ///< "Downloading", …
  std::uint64_t done = 0;
  std::uint64_t total = 0;  ///< bytes; 0 when it does not say
  std::string error;        ///< why there will be no image

  bool operator==(const PullEvent&) const = default;
};

/// Throws BadDocument.
PullEvent parse_pull_event(const std::string& line);

/// Shows them on stderr as `docker pull` does: on a terminal a line for every layer, with a bar,
/// rewritten in place; elsewhere a line for every new state.
class PullDisplay {
 public:
  /// On stderr as it is.
  PullDisplay();
  /// `columns`: of the terminal; 0: it is none.
  explicit PullDisplay(unsigned columns) : columns_(columns) {}

  void show(const PullEvent& event);
  /// What show() is to write.
  std::string text_of(const PullEvent& event);

 private:
  unsigned columns_;
  unsigned lines_ = 0;
  std::map<std::string, unsigned> line_of_;       ///< by ID
  std::map<std::string, std::string> status_of_;  ///< by ID
};

/// Has the engine fetch the image, and shows how far that is. Ends early when the user interrupts:
/// the engine then gives up as well. Throws Failure.
void pull(const EngineClient& engine, const std::string& name, const std::string& command);

/// An image's name as the engine's API wants it: name and tag, or name and digest.
struct PullReference {
  std::string name;
  std::string tag;
};
PullReference split_reference(const std::string& name);

}  // namespace dboot::image
