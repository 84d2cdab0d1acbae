#include "injector/document/saved_images.hpp"

#include <algorithm>
#include <charconv>

#include "injector/document/json.hpp"

namespace dboot::image {
namespace {

std::string normal_name(std::string name) {
  for (const std::string_view prefix : {"docker.io/", "index.docker.io/", "library/"}) {
    if (name.starts_with(prefix)) name.erase(0, prefix.size());
  }
  const auto slash = name.rfind('/');
  const auto colon = name.rfind(':');
  const bool tagged = colon != std::string::npos && (slash == std::string::npos || colon > slash);
  return tagged || name.find('@') != std::string::npos ? name : name + ":latest";
}

std::string list_of(std::span<const SavedImage> images) {
  std::string text;
  for (std::size_t index = 0; index < images.size(); ++index) {
    text += (text.empty() ? "@" : ", @") + std::to_string(index);
    for (const std::string& tag : images[index].tags) text += " " + tag;
  }
  return text.empty() ? "nothing" : text;
}

}  // namespace

std::vector<SavedImage> parse_saved_images(std::string_view text) {
  const boost::json::value document = parse_json(text);
  if (!document.is_array()) throw BadDocument("it is no list");
  std::vector<SavedImage> images;
  for (const boost::json::value& entry : document.get_array()) {
    const std::string where = "image " + std::to_string(images.size());
    try {
      images.push_back({string_member(entry, "Config"), strings_member(entry, "RepoTags"),
                        strings_member(entry, "Layers")});
    } catch (const BadDocument& error) {
      throw BadDocument(where + ": " + error.what());
    }
    if (images.back().config.empty()) throw BadDocument(where + " has no Config");
  }
  return images;
}

const SavedImage& choose(std::span<const SavedImage> images, const std::string& name) {
  if (images.empty()) throw BadDocument("there is no image in it");
  if (name.empty()) {
    if (images.size() == 1) return images.front();
    throw BadDocument("there are several images in it: " + list_of(images));
  }
  if (name.starts_with('@')) {
    std::size_t index = 0;
    const char* end = name.data() + name.size();
    const auto result = std::from_chars(name.data() + 1, end, index);
    if (result.ec == std::errc() && result.ptr == end && index < images.size())
      return images[index];
  }
  for (const SavedImage& image : images) {
    for (const std::string& tag : image.tags) {
      if (tag == name || normal_name(tag) == normal_name(name)) return image;
    }
  }
  throw BadDocument("there is no " + name + " in it; there is " + list_of(images));
}

}  // namespace dboot::image
