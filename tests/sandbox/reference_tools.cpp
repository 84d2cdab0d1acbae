#include "tests/sandbox/reference_tools.hpp"

#include <unistd.h>

#include "tests/support/run.hpp"

namespace dboot {
namespace fs = std::filesystem;

ReferenceTools::ReferenceTools() {
  write_text(directory_ / "policy.json", R"({"default":[{"type":"insecureAcceptAnything"}]})");
}

ReferenceTools::~ReferenceTools() {
  try {
    buildah("rm", "--all");
    buildah("rmi", "--all", "--force");
  } catch (const std::exception&) {
    // Then the directory is all that is left, and that goes as well.
  }
}

template <class... Words>
std::string ReferenceTools::buildah(Words... words) {
  return run({"buildah", "--root", directory_ / "root", "--runroot", directory_ / "run",
              "--storage-driver", "overlay", words...});
}

void ReferenceTools::with_container(
    const std::string& image,
    const std::function<void(const std::string& container, const fs::path& root)>& use) {
  const std::string policy = directory_ / "policy.json";
  const std::string container =
      image == "scratch" ? buildah("from", "scratch")
                         : buildah("from", "--quiet", "--signature-policy", policy, image);
  use(container, buildah("mount", container));
  buildah("umount", container);
  buildah("rm", container);
}

void ReferenceTools::build(const std::string& base, const std::string& name,
                           const std::function<void(const fs::path& root)>& change) {
  with_container(base, [&](const std::string& container, const fs::path& root) {
    change(root);
    buildah("commit", "--quiet", "--signature-policy", directory_ / "policy.json", "--format",
            "oci", container, name);
  });
}

void ReferenceTools::push(const std::string& name, const fs::path& layout) {
  buildah("push", "--quiet", "--signature-policy", directory_ / "policy.json", name,
          "oci:" + layout.string() + ":" + name);
}

namespace {

/// buildah makes a name of the path, and names have no capitals.
class LowercaseCopy {
 public:
  explicit LowercaseCopy(const fs::path& layout)
      : path_(fs::temp_directory_path() / ("dboot-layout-" + std::to_string(::getpid()))) {
    fs::copy(layout, path_, fs::copy_options::recursive);
  }
  ~LowercaseCopy() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  LowercaseCopy(const LowercaseCopy&) = delete;
  LowercaseCopy& operator=(const LowercaseCopy&) = delete;

  const fs::path& path() const noexcept { return path_; }

 private:
  fs::path path_;
};

}  // namespace

TreeListing ReferenceTools::mounted_by_buildah(const fs::path& layout, const std::string& tag) {
  const LowercaseCopy copy(layout);
  TreeListing listing;
  with_container("oci:" + copy.path().string() + ":" + tag,
                 [&](const std::string&, const fs::path& root) { listing = list_tree(root); });
  return listing;
}

TreeListing ReferenceTools::unpacked_by_umoci(const fs::path& layout, const std::string& tag) {
  const TemporaryDirectory bundle;
  run({"umoci", "unpack", "--image", layout.string() + ":" + tag, bundle / "it"});
  return list_tree(bundle / "it" / "rootfs");
}

}  // namespace dboot
