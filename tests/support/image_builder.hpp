#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "injector/stream/digest.hpp"
#include "tests/support/tar_builder.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot {

/// Writes the files of OCI image layouts, right or wrong.
class LayoutBuilder {
 public:
  explicit LayoutBuilder(std::filesystem::path path) : path_(std::move(path)) {
    write_text(path_ / "oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
  }

  struct Layer {
    std::string stored;        ///< the bytes of the blob
    std::string content = {};  ///< what they are when decompressed; empty: the same
    std::string type = "application/vnd.oci.image.layer.v1.tar";
  };

  static std::string digest(const std::string& bytes) { return to_string(digest_of(bytes)); }
  std::filesystem::path blob_path(const std::string& digest) const {
    return path_ / "blobs/sha256" / digest.substr(7);
  }

  /// Stores the bytes, and gives a descriptor of them.
  std::string blob(const std::string& bytes, const std::string& type,
                   const std::string& more = {}) {
    write_text(blob_path(digest(bytes)), bytes);
    return R"({"mediaType":")" + type + R"(","digest":")" + digest(bytes) + R"(","size":)" +
           std::to_string(bytes.size()) + more + "}";
  }

  /// Stores an image, and gives the descriptor of its manifest.
  std::string image(const std::vector<Layer>& layers, const std::string& more = {},
                    const std::string& process = R"("Cmd":["/bin/sh"])",
                    const std::string& architecture = "amd64") {
    std::string diff_ids;
    std::string descriptors;
    for (const Layer& layer : layers) {
      const std::string comma = diff_ids.empty() ? "" : ",";
      diff_ids +=
          comma + "\"" + digest(layer.content.empty() ? layer.stored : layer.content) + "\"";
      descriptors += comma + blob(layer.stored, layer.type);
    }
    const std::string config = R"({"os":"linux","architecture":")" + architecture +
                               R"(","config":{)" + process +
                               R"(},"rootfs":{"type":"layers","diff_ids":[)" + diff_ids + "]}}";
    return blob(R"({"schemaVersion":2,"config":)" +
                    blob(config, "application/vnd.oci.image.config.v1+json") + R"(,"layers":[)" +
                    descriptors + "]}",
                "application/vnd.oci.image.manifest.v1+json", more);
  }

  /// Stores an index, and gives the descriptor of it.
  std::string index(const std::vector<std::string>& entries, const std::string& more = {}) {
    return blob(index_text(entries), "application/vnd.oci.image.index.v1+json", more);
  }

  /// Writes index.json.
  void finish(const std::vector<std::string>& entries) const {
    write_text(path_ / "index.json", index_text(entries));
  }

  /// The whole layout as a tar archive.
  std::string tar(int filter = ARCHIVE_FILTER_NONE) const {
    TarBuilder tar(filter);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path_)) {
      const std::string name = std::filesystem::relative(entry.path(), path_).string();
      if (entry.is_directory()) tar.directory(name);
      if (entry.is_regular_file()) tar.file(name, read_text(entry.path()));
    }
    return tar.finish();
  }

 private:
  static std::string index_text(const std::vector<std::string>& entries) {
    std::string list;
    for (const std::string& entry : entries) list += (list.empty() ? "" : ",") + entry;
    return R"({"schemaVersion":2,"manifests":[)" + list + "]}";
  }

  std::filesystem::path path_;
};

}  // namespace dboot
