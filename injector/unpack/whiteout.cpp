#include "injector/unpack/whiteout.hpp"

#include <string_view>

#include "injector/unpack/bad_entry.hpp"

namespace dboot::rootfs {
namespace {

constexpr std::string_view prefix = ".wh.";
constexpr std::string_view own_prefix = ".wh..wh.";
constexpr std::string_view opaque_name = ".wh..wh..opq";

}  // namespace

Whiteout whiteout_of(const std::string& path) {
  std::size_t begin = 0;
  while (begin <= path.size()) {
    const std::size_t slash = path.find('/', begin);
    const bool is_last = slash == std::string::npos;
    const std::string_view name =
        std::string_view(path).substr(begin, is_last ? path.npos : slash - begin);
    const std::string parent = path.substr(0, begin == 0 ? 0 : begin - 1);
    if (is_last && name == opaque_name) return {Whiteout::Kind::opaque, parent};
    if (name.starts_with(own_prefix)) return {Whiteout::Kind::ignored, {}};
    if (name.starts_with(prefix)) {
      if (!is_last) throw BadEntry("it lies below a whiteout");
      const std::string_view hidden = name.substr(prefix.size());
      if (hidden.empty()) throw BadEntry("it is a whiteout of nothing");
      if (hidden == "." || hidden == "..")
        throw BadEntry("its whiteout leads out of its directory");
      return {Whiteout::Kind::file,
              parent.empty() ? std::string(hidden) : parent + "/" + std::string(hidden)};
    }
    if (is_last) break;
    begin = slash + 1;
  }
  return {};
}

}  // namespace dboot::rootfs
