#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "injector/stream/byte_stream.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot::image {

/// Files by name ("blobs/sha256/9f2c…"), whether they lie in a directory or in an archive. Several
/// threads may read at the same time.
class FileSet {
 public:
  FileSet() = default;
  virtual ~FileSet() = default;
  FileSet(const FileSet&) = delete;
  FileSet& operator=(const FileSet&) = delete;

  /// For messages: "oci:image".
  virtual const std::string& description() const = 0;
  virtual bool contains(const std::string& name) const = 0;
  /// Whether it, or something below it, is there.
  virtual bool has_directory(const std::string& name) const = 0;
  /// Whether contains() says no because the name is, or lies behind, a link that leads out of these
  /// files.
  virtual bool leads_out(const std::string& name) const = 0;
  /// Bytes. Throws Failure when there is no such file, or it is none.
  virtual std::uint64_t size(const std::string& name) const = 0;
  /// How many bytes it holds when it is decompressed, as far as it says so itself; else its size.
  virtual std::uint64_t content_size(const std::string& name) const = 0;
  /// The file from its begin; must not live longer than this object. Throws as size() does.
  virtual std::unique_ptr<ByteStream> open(const std::string& name) const = 0;
};

/// The files below a directory. Throws Failure when there is none.
std::unique_ptr<FileSet> directory_files(const std::string& path, std::string description);

/// The members of a tar archive in a regular file, found once and then read from where they are. A
/// compressed one is decompressed again for every member that is not small: that takes time instead
/// of memory. `fd` may stand anywhere. Throws Failure when it is no such archive, or not a whole
/// one.
std::unique_ptr<FileSet> archive_files(UniqueFd fd, std::string description);

/// The same for an archive of which nobody has said what it holds. Null when it is a root
/// filesystem (see kind.hpp); `fd` is left to the caller then. `name` is the file's name; messages
/// put the transport that was found in front of it. Throws Failure, also for an image as other
/// programs keep theirs.
std::unique_ptr<FileSet> archive_files_of_image(UniqueFd& fd, const std::string& name);

/// How to name one of several images in it: "oci:image:REF". A path with a colon in it can only be
/// redirected.
std::string with_ref(const std::string& description);

/// The whole of a file that is a document and no layer. Throws Failure when it is larger than any
/// document may be.
std::string read_document(const FileSet& files, const std::string& name);

}  // namespace dboot::image
