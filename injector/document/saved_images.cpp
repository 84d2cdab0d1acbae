#include "injector/document/saved_images.hpp"

#include <algorithm>
#include <charconv>

#include "injector/document/image_name.hpp"
#include "injector/document/json.hpp"

namespace dboot::image {
namespace {

std::string list_of(std::span<const SavedImage> images) {
  std::vector<std::string> names;
  for (const auto& image : images) {
    auto& name = names.emplace_back("@" + std::to_string(names.size()));
    for (const std::string& tag : image.tags) name += " " + tag;
  }
  return list_of_some(names);
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
