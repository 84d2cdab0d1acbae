#include "injector/rootfs/unpack.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <string_view>
#include <system_error>

#include "injector/failure.hpp"
#include "injector/interruption.hpp"
#include "injector/rootfs/entry_writer.hpp"
#include "injector/rootfs/full.hpp"
#include "shared/log.hpp"
#include "shared/syscalls.hpp"

namespace dboot::rootfs {
namespace {

/// What libarchive has to say; it keeps no message for some failures.
std::string reason(archive* reader) {
  const char* text = ::archive_error_string(reader);
  return text == nullptr ? "unknown error" : text;
}

class BadArchive : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::string text(const char* string) {
  return string == nullptr ? std::string() : std::string(string);
}

/// The kernel decides over the rest (system.*, trusted.*, labels of a security module that is not
/// there): none of it belongs into another system.
bool is_wanted(std::string_view xattr) {
  return xattr == "security.capability" || xattr.starts_with("user.");
}

Metadata metadata_of(archive_entry* entry) {
  Metadata metadata;
  metadata.mode = ::archive_entry_perm(entry);
  metadata.uid = static_cast<uid_t>(::archive_entry_uid(entry));
  metadata.gid = static_cast<gid_t>(::archive_entry_gid(entry));
  metadata.mtime = {::archive_entry_mtime(entry), ::archive_entry_mtime_nsec(entry)};
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  ::archive_entry_xattr_reset(entry);
  while (::archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
    if (name == nullptr || !is_wanted(name)) continue;
    metadata.xattrs.emplace_back(name, std::string(static_cast<const char*>(value), size));
  }
  return metadata;
}

/// Copies the content of the current entry. Holes stay holes.
void copy_content(archive* reader, archive_entry* entry, int fd, Progress& progress) {
  la_int64_t end = 0;
  for (;;) {
    interruption::check();
    const void* block = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    const int result = ::archive_read_data_block(reader, &block, &size, &offset);
    if (result == ARCHIVE_EOF) break;
    if (result < ARCHIVE_WARN) throw BadArchive(reason(reader));
    progress.add(size);
    auto data = static_cast<const char*>(block);
    while (size > 0) {
      const ssize_t count = ::pwrite(fd, data, size, offset);
      if (count < 0 && errno == EINTR) {
        interruption::check();
        continue;
      }
      sys::check(count, "write");
      data += count;
      size -= static_cast<std::size_t>(count);
      offset += count;
    }
    end = std::max(end, offset);
  }
  const la_int64_t size = ::archive_entry_size(entry);
  if (size > end) sys::check(::ftruncate(fd, size), "write");
}

void write_entry(archive* reader, archive_entry* entry, EntryWriter& writer, Progress& progress) {
  const std::string path = clean_path(text(::archive_entry_pathname(entry)));
  if (const char* target = ::archive_entry_hardlink(entry); target != nullptr && !path.empty()) {
    writer.hardlink(path, clean_path(target));
    return;
  }
  const auto type = ::archive_entry_filetype(entry);
  if (path.empty() && type != AE_IFDIR) throw BadEntry("it would replace the root");
  const Metadata metadata = metadata_of(entry);
  switch (type) {
    case AE_IFDIR:
      return writer.directory(path, metadata);
    case AE_IFREG:
      return writer.file(path, metadata,
                         [&](int fd) { copy_content(reader, entry, fd, progress); });
    case AE_IFLNK:
      return writer.symlink(path, metadata, text(::archive_entry_symlink(entry)));
    case AE_IFCHR:
    case AE_IFBLK:
    case AE_IFIFO:
      return writer.node(path, metadata, type, ::archive_entry_rdev(entry));
    default:
      // A socket is nothing without the process that listens on it.
      log::debug("entry skipped", {{"path", path}, {"type", type}});
  }
}

/// Says which entry it was, in one sentence with the archive.
[[noreturn]] void report(const std::string& description, const std::string& entry,
                         const std::string& why) {
  throw Failure("cannot unpack " + description + ": " + entry + ": " + why,
                "take an archive that is whole and was not tampered with");
}

}  // namespace

void unpack(archive* reader, int root_fd, Progress& progress, const std::string& description) {
  EntryWriter writer(root_fd);
  std::string last = "before the first entry";
  try {
    for (;;) {
      interruption::check();
      archive_entry* entry = nullptr;
      const int result = ::archive_read_next_header(reader, &entry);
      if (result == ARCHIVE_EOF) break;
      // Warnings are about names that are no text in this locale: they are bytes to us.
      if (result < ARCHIVE_WARN) throw BadArchive(reason(reader));
      last = text(::archive_entry_pathname(entry));
      write_entry(reader, entry, writer, progress);
    }
    writer.finish();
  } catch (const std::system_error& error) {
    if (error.code().value() == ENOSPC) report_full(root_fd, last);
    report(description, last, error.what());
  } catch (const BadEntry& error) {
    report(description, last, error.what());
  } catch (const BadArchive& error) {
    report(description, "after " + last, error.what());
  }
}

}  // namespace dboot::rootfs
