#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/hostile/hostile_image.hpp"

namespace dboot::hostile {

/// An OCI image layout in the making, where every document can be spoilt before it is written.
class OciLayout {
 public:
  using Change = std::function<std::string(std::string)>;

  explicit OciLayout(const Place& place);

  /// Puts content under its digest; the descriptor of it.
  std::string blob(const std::string& content, const std::string& media_type) const;
  /// Puts content under another's name.
  void put(const std::string& name, const std::string& content) const;
  static std::string digest(const std::string& content);

  OciLayout& layer(const std::string& tar);
  OciLayout& change_config(Change change);
  OciLayout& change_manifest(Change change);
  OciLayout& change_index(Change change);

  /// Writes what was not written yet; what to say for IMAGE.
  std::string finish() const;

 private:
  std::filesystem::path path_;
  std::vector<std::string> layers_;
  std::vector<std::string> diff_ids_;
  Change config_ = [](std::string text) { return text; };
  Change manifest_ = config_;
  Change index_ = config_;
};

/// A text with `what` in it replaced, which must be there.
std::string replaced(std::string text, const std::string& what, const std::string& by);

inline constexpr const char* oci_layer = "application/vnd.oci.image.layer.v1.tar";

}  // namespace dboot::hostile
