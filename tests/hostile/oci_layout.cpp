#include "tests/hostile/oci_layout.hpp"

#include <stdexcept>

#include "injector/stream/digest.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot::hostile {
namespace {

constexpr const char* oci = "application/vnd.oci.image.";

std::string list(const std::vector<std::string>& items) {
  std::string text = "[";
  for (const auto& item : items) text += (text.size() > 1 ? "," : "") + item;
  return text + "]";
}

}  // namespace

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const auto at = text.find(what);
  if (at == std::string::npos) throw std::logic_error("no " + what + " in " + text);
  return text.replace(at, what.size(), by);
}

OciLayout::OciLayout(const Place& place) : path_(place.directory / "layout") {
  write_text(path_ / "oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
}

std::string OciLayout::digest(const std::string& content) {
  return to_string(digest_of(content));
}

void OciLayout::put(const std::string& name, const std::string& content) const {
  write_text(path_ / name, content);
}

std::string OciLayout::blob(const std::string& content, const std::string& media_type) const {
  const std::string name = digest(content);
  put("blobs/sha256/" + name.substr(name.find(':') + 1), content);
  return R"({"mediaType":")" + media_type + R"(","digest":")" + name + R"(","size":)" +
         std::to_string(content.size()) + "}";
}

OciLayout& OciLayout::layer(const std::string& tar) {
  layers_.push_back(blob(tar, oci_layer));
  std::string quoted(1, '"');
  diff_ids_.push_back(quoted.append(digest(tar)).append(1, '"'));
  return *this;
}
OciLayout& OciLayout::change_config(Change change) {
  config_ = std::move(change);
  return *this;
}
OciLayout& OciLayout::change_manifest(Change change) {
  manifest_ = std::move(change);
  return *this;
}
OciLayout& OciLayout::change_index(Change change) {
  index_ = std::move(change);
  return *this;
}

std::string OciLayout::finish() const {
  const std::string config = config_(
      R"({"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":)" +
      list(diff_ids_) + "}}");
  const std::string manifest =
      manifest_(R"({"schemaVersion":2,"mediaType":")" + (oci + std::string("manifest.v1+json")) +
                R"(","config":)" + blob(config, oci + std::string("config.v1+json")) +
                R"(,"layers":)" + list(layers_) + "}");
  put("index.json", index_(R"({"schemaVersion":2,"manifests":[)" +
                           blob(manifest, oci + std::string("manifest.v1+json")) + "]}"));
  return "oci:" + path_.string();
}

}  // namespace dboot::hostile
