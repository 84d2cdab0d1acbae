#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "tests/support/temporary_directory.hpp"
#include "tests/support/tree_listing.hpp"

namespace dboot {

/// buildah and umoci, with everything that they store in a directory of their own. Needs root.
class ReferenceTools {
 public:
  ReferenceTools();
  ~ReferenceTools();
  ReferenceTools(const ReferenceTools&) = delete;
  ReferenceTools& operator=(const ReferenceTools&) = delete;

  /// Makes the image `name` from `base` ("scratch", or a name) by what `change` does to its root
  /// filesystem: one layer more.
  void build(const std::string& base, const std::string& name,
             const std::function<void(const std::filesystem::path& root)>& change);
  /// Writes an image that was built into a new OCI layout.
  void push(const std::string& name, const std::filesystem::path& layout);

  /// The root filesystem of the image `tag` in an OCI layout, as each of them has it.
  TreeListing mounted_by_buildah(const std::filesystem::path& layout, const std::string& tag);
  TreeListing unpacked_by_umoci(const std::filesystem::path& layout, const std::string& tag);

 private:
  template <class... Words>
  std::string buildah(Words... words);
  void with_container(const std::string& image,
                      const std::function<void(const std::string& container,
                                               const std::filesystem::path& root)>& use);

  TemporaryDirectory directory_;
};

}  // namespace dboot
