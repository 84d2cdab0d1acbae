#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "tests/hostile/hostile_image.hpp"
#include "tests/hostile/oci_layout.hpp"
#include "tests/hostile/raw_tar.hpp"

namespace dboot::hostile {
namespace {

namespace fs = std::filesystem;

/// A layout of one layer, and the path of that layer's blob.
template <class Spoil>
std::function<std::string(const Place&)> layer_blob(Spoil spoil) {
  return [spoil](const Place& place) {
    const std::string tar = system().file("f", std::string(100'000, 'x')).finish();
    const std::string image = OciLayout(place).layer(tar).finish();
    const fs::path blob =
        place.directory / "layout/blobs/sha256" / OciLayout::digest(tar).substr(7);
    spoil(blob, place, tar);
    return image;
  };
}

void write(const fs::path& path, const std::string& content) {
  Place{path.parent_path(), {}}.file(path.filename(), content);
}

}  // namespace

std::vector<HostileImage> blobs() {
  return {
      {"BlobThatIsMissing",
       layer_blob([](const fs::path& b, const Place&, const std::string&) { fs::remove(b); }),
       "is missing"},
      {"BlobThatIsTruncated", layer_blob([](const fs::path& b, const Place&, const std::string&) {
         fs::resize_file(b, 50'000);
       }),
       "has 50000 bytes instead of"},
      {"BlobThatIsEmpty", layer_blob([](const fs::path& b, const Place&, const std::string&) {
         fs::resize_file(b, 0);
       }),
       "has 0 bytes instead of"},
      {"BlobThatIsLonger", layer_blob([](const fs::path& b, const Place&, const std::string& tar) {
         write(b, tar + "x");
       }),
       "bytes instead of"},
      {"BlobWhoseDigestIsWrongAtItsEnd",
       layer_blob([](const fs::path& b, const Place&, std::string tar) {
         tar.back() = 'x';
         write(b, tar);
       }),
       "digest"},
      {"BlobWhoseDigestIsWrongInTheMiddle",
       layer_blob([](const fs::path& b, const Place&, std::string tar) {
         tar[tar.size() / 2] = 'y';
         write(b, tar);
       }),
       "digest"},
      {"BlobThatIsALinkOutside",
       layer_blob([](const fs::path& b, const Place& p, const std::string&) {
         fs::remove(b);
         fs::create_symlink(p.canary / "secret", b);
       }),
       "sha256:"},
      {"BlobThatIsARelativeLinkOutside",
       layer_blob([](const fs::path& b, const Place&, const std::string&) {
         fs::remove(b);
         fs::create_symlink("../../../../canary/secret", b);
       }),
       "sha256:"},
      {"BlobsThatAreALinkOutside",
       layer_blob([](const fs::path& b, const Place& p, const std::string&) {
         fs::remove_all(b.parent_path());
         fs::create_symlink(p.canary, b.parent_path());
       }),
       "sha256:"},
      {"BlobThatIsAFifo", layer_blob([](const fs::path& b, const Place&, const std::string&) {
         fs::remove(b);
         ::mkfifo(b.c_str(), 0644);
       }),
       "is no file"},
      {"BlobThatIsADevice", layer_blob([](const fs::path& b, const Place&, const std::string&) {
         fs::remove(b);
         ::mknod(b.c_str(), S_IFCHR | 0666, makedev(1, 5));
       }),
       "is no file"},
      {"BlobThatIsADirectory", layer_blob([](const fs::path& b, const Place&, const std::string&) {
         fs::remove(b);
         fs::create_directory(b);
       }),
       "is no file"},
      {"IndexThatIsAFifo",
       [](const Place& place) {
         const std::string image = OciLayout(place).layer(system().finish()).finish();
         fs::remove(place.directory / "layout/index.json");
         ::mkfifo((place.directory / "layout/index.json").c_str(), 0644);
         return image;
       },
       "index.json"},
      {"IndexThatIsALinkOutside",
       [](const Place& place) {
         const std::string image = OciLayout(place).layer(system().finish()).finish();
         fs::remove(place.directory / "layout/index.json");
         fs::create_symlink(place.canary / "secret", place.directory / "layout/index.json");
         return image;
       },
       "index.json"},
      {"TreeWithLinksAndNodes",
       [](const Place& place) {
         const fs::path tree = place.directory / "tree";
         Place{tree / "sbin", {}}.file("init", smallest_program());
         fs::permissions(tree / "sbin/init", fs::perms(0755));
         fs::create_symlink(place.canary, tree / "etc");
         fs::create_symlink(place.canary / "secret", tree / "secret");
         ::mkfifo((tree / "fifo").c_str(), 0644);
         ::mknod((tree / "zero").c_str(), S_IFCHR | 0666, makedev(1, 5));
         return "dir:" + tree.string();
       },
       "",
       {},
       "CANARY/hostname"},
  };
}

}  // namespace dboot::hostile
