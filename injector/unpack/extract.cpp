#include "injector/unpack/extract.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "injector/failure.hpp"
#include "injector/interruption.hpp"
#include "injector/report.hpp"
#include "injector/stream/bounded_stream.hpp"
#include "injector/stream/damage.hpp"
#include "injector/stream/decompress.hpp"
#include "injector/stream/tar_reader.hpp"
#include "injector/unpack/no_space.hpp"
#include "injector/unpack/posix_acl.hpp"
#include "injector/unpack/whiteout.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::rootfs {
namespace {

std::string text(const char* string) {
  return string == nullptr ? std::string() : std::string(string);
}

/// The highest one stands for "as it is" (chown(2)); what is beyond would become another one.
std::uint32_t owner_of(la_int64_t number) {
  constexpr la_int64_t highest = std::numeric_limits<std::uint32_t>::max() - 1;
  if (number < 0 || number > highest)
    throw BadEntry("its owner " + std::to_string(number) + " is none that Linux knows",
                   "write the archive anew: tar --numeric-owner --owner=0 --group=0");
  return static_cast<std::uint32_t>(number);
}

Metadata metadata_of(archive_entry* entry) {
  Metadata metadata;
  metadata.mode = ::archive_entry_perm(entry);
  metadata.uid = owner_of(::archive_entry_uid(entry));
  metadata.gid = owner_of(::archive_entry_gid(entry));
  metadata.mtime = {::archive_entry_mtime(entry), ::archive_entry_mtime_nsec(entry)};
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  metadata.xattrs = posix_acls_of(entry);
  ::archive_entry_xattr_reset(entry);
  while (::archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
    if (name == nullptr || !belongs_to_image(name)) continue;
    metadata.xattrs.emplace_back(name, std::string(static_cast<const char*>(value), size));
  }
  return metadata;
}

void write_at(int fd, std::span<const char> bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) {
      interruption::check();
      continue;
    }
    sys::check(count, "write");
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
}

/// Copies the content of the current entry. Holes stay holes.
void copy_content(TarReader& tar, std::uint64_t size, int fd, Progress& progress) {
  std::uint64_t end = 0;
  while (const auto block = tar.block()) {
    interruption::check();
    progress.add(block->bytes.size());
    write_at(fd, block->bytes, block->offset);
    end = std::max(end, block->offset + block->bytes.size());
  }
  if (size > end) sys::check(::ftruncate(fd, static_cast<off_t>(size)), "write");
}

void write_entry(TarReader& tar, archive_entry* entry, EntryWriter& writer, const std::string& path,
                 Progress& progress) {
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
      return writer.file(path, metadata, [&](int fd) {
        copy_content(tar, static_cast<std::uint64_t>(::archive_entry_size(entry)), fd, progress);
      });
    case AE_IFLNK:
      return writer.symlink(path, metadata, text(::archive_entry_symlink(entry)));
    case AE_IFCHR:
    case AE_IFBLK:
    case AE_IFIFO:
      return writer.node(path, metadata, type, ::archive_entry_rdev(entry));
    case AE_IFSOCK:
      // It is nothing without the process that listens on it.
      report::debug("a socket is left out", {{"path", path}});
      return;
    default:
      // A hardlink without a target is none of these either.
      throw BadEntry("it is of no type that a file can have");
  }
}

/// True when the entry was one that hides others.
bool hide(EntryWriter& writer, const Whiteout& whiteout) {
  switch (whiteout.kind) {
    case Whiteout::Kind::none:
      return false;
    case Whiteout::Kind::file:
      writer.whiteout(whiteout.path);
      break;
    case Whiteout::Kind::opaque:
      writer.opaque(whiteout.path);
      break;
    case Whiteout::Kind::ignored:
      break;
  }
  return true;
}

/// For a line: a name may have 4095 bytes, and more in an archive.
std::string shortened(const std::string& name) {
  constexpr std::size_t most = 160;
  constexpr std::size_t end = 40;
  if (name.size() <= most) return name;
  return name.substr(0, most - end).append("…").append(name, name.size() - end);
}

/// Says which entry it was, in one sentence with the archive.
[[noreturn]] void report(
    const std::string& description, const std::string& entry, const std::string& why,
    const std::string& mend = "take an archive that is whole and was not tampered with") {
  std::string text = "cannot unpack ";
  ((((text += description) += ": ") += shortened(entry)) += ": ") += why;
  throw Failure(text, mend);
}

/// Calls `work` with the name of the entry that it is to keep up to date.
template <class Work>
void report_by_entry(int root_fd, const std::string& description, Work work) {
  std::string last = "before the first entry";
  bool any = false;
  try {
    work(last, any);
  } catch (const std::system_error& error) {
    if (error.code().value() == ENOSPC) report_no_space(root_fd, last);
    if (error.code().value() == ENAMETOOLONG)
      report(description, last,
             "the name of a file has more than 255 bytes, or its path more than 4095",
             "give it a shorter one in the image, or leave it out there");
    report(description, last, error.what());
  } catch (const BadEntry& error) {
    report(description, last, error.what(), error.mend());
  } catch (const Damage& error) {
    report(description, any ? "after " + last : last, error.reason(), error.mend());
  }
}

void write_entries(TarReader& tar, EntryWriter& writer, Whiteouts whiteouts, int root_fd,
                   Progress& progress, const std::string& description) {
  report_by_entry(root_fd, description, [&](std::string& last, bool& any) {
    while (archive_entry* entry = tar.next()) {
      interruption::check();
      const std::string name = text(::archive_entry_pathname(entry));
      last = !name.empty() ? name : any ? "an entry after " + last : "the first entry";
      any = true;
      const std::string path = clean_path(name);
      if (whiteouts == Whiteouts::hide && hide(writer, whiteout_of(path))) continue;
      write_entry(tar, entry, writer, path, progress);
    }
  });
}

}  // namespace

std::unique_ptr<ByteStream> open_tar(std::unique_ptr<ByteStream> stream, int root_fd,
                                     const std::string& description) {
  // Headers with long names and attributes; everything else is content, and that has to fit.
  constexpr std::uint64_t headers = 4096;
  constexpr std::uint64_t always = std::uint64_t{64} << 20U;
  struct statvfs status {};
  sys::check(::fstatvfs(root_fd, &status), "statvfs of the root");
  const double most = static_cast<double>(status.f_blocks) * static_cast<double>(status.f_frsize) +
                      static_cast<double>(status.f_files) * headers + always;
  constexpr double limit = static_cast<double>(std::numeric_limits<std::int64_t>::max());
  return bounded_stream(decompress_ahead(std::move(stream), description),
                        static_cast<std::uint64_t>(std::min(most, limit)), description);
}

void extract(std::unique_ptr<ByteStream> stream, EntryWriter& writer, Whiteouts whiteouts,
             int root_fd, Progress& progress, const std::string& description) {
  // A layer that changes nothing may have no byte at all; an archive may not.
  const auto empty =
      whiteouts == Whiteouts::hide ? TarReader::Empty::is_allowed : TarReader::Empty::is_damage;
  std::optional<TarReader> tar;
  report_by_entry(root_fd, description,
                  [&](std::string&, bool&) { tar.emplace(std::move(stream), description, empty); });
  write_entries(*tar, writer, whiteouts, root_fd, progress, description);
  report_by_entry(root_fd, description, [&](std::string& last, bool&) {
    last = "after its last entry";
    tar->finish();
  });
}

}  // namespace dboot::rootfs
