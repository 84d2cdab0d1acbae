#include <archive_entry.h>
#include <sys/stat.h>

#include <utility>

#include "injector/failure.hpp"
#include "injector/image/archive_members.hpp"
#include "injector/image/archive_walk.hpp"
#include "injector/image/content_size.hpp"
#include "injector/image/file_set.hpp"
#include "injector/image/json.hpp"
#include "injector/stream/damage.hpp"
#include "injector/stream/file_stream.hpp"
#include "shared/syscalls.hpp"

namespace dboot::image {
namespace {

/// Of a compressed archive: what is kept so that documents need no pass of their own, and how much
/// of it.
constexpr std::uint64_t small_file = 256U << 10U;
constexpr std::uint64_t most_kept = 16U << 20U;

std::string text(const char* string) {
  return string == nullptr ? std::string() : std::string(string);
}

class KeptStream : public ByteStream {
 public:
  explicit KeptStream(std::string content) : content_(std::move(content)) {}
  std::span<const char> next() override {
    return std::exchange(finished_, true) ? std::span<const char>()
                                          : std::span<const char>(content_);
  }

 private:
  std::string content_;
  bool finished_ = false;
};

/// A member of a compressed archive, which is decompressed up to there.
class DistantStream : public ByteStream {
 public:
  DistantStream(int fd, std::uint64_t size, const Member& member, const std::string& description)
      : walk_(fd, size, description) {
    for (std::uint64_t number = 0; number <= member.number; ++number) {
      if (walk_.next() == nullptr) throw Damage(description, "it has changed");
    }
  }
  std::span<const char> next() override { return walk_.block(); }

 private:
  ArchiveWalk walk_;
};

class ArchiveFiles : public FileSet {
 public:
  ArchiveFiles(UniqueFd fd, std::string description)
      : description_(std::move(description)), fd_(std::move(fd)) {
    struct stat status {};
    sys::check(::fstat(fd_.get(), &status), "stat ", description_);
    size_ = static_cast<std::uint64_t>(status.st_size);
    ArchiveWalk walk(fd_.get(), size_, description_);
    plain_ = walk.is_plain();
    try {
      std::uint64_t number = 0;
      while (archive_entry* entry = walk.next()) add(walk, entry, number++);
    } catch (const BadDocument& error) {
      throw Damage(description_, error.what());
    }
  }

  const std::string& description() const override { return description_; }
  bool contains(const std::string& name) const override { return members_.find(name) != nullptr; }
  std::uint64_t size(const std::string& name) const override { return get(name).size; }
  std::uint64_t content_size(const std::string& name) const override {
    const Member& member = get(name);
    return plain_ ? image::content_size(fd_.get(), member.offset, member.size) : member.size;
  }
  std::unique_ptr<ByteStream> open(const std::string& name) const override {
    const Member& member = get(name);
    const std::string description = name + " in " + description_;
    if (plain_) return file_stream(fd_.get(), member.offset, member.size, description);
    if (member.kept) return std::make_unique<KeptStream>(member.content);
    return std::make_unique<DistantStream>(fd_.get(), size_, member, description);
  }

 private:
  const Member& get(const std::string& name) const {
    if (const Member* member = members_.find(name)) return *member;
    throw Failure(name + " is not in " + description_, "take an image that is whole");
  }

  void add(ArchiveWalk& walk, archive_entry* entry, std::uint64_t number) {
    const std::string name = member_name(text(::archive_entry_pathname(entry)));
    if (const char* target = ::archive_entry_hardlink(entry)) {
      members_.add_hardlink(name, target);
    } else if (::archive_entry_filetype(entry) == AE_IFLNK) {
      members_.add_symlink(name, text(::archive_entry_symlink(entry)));
    } else if (::archive_entry_filetype(entry) == AE_IFREG) {
      add_file(walk, entry, name, number);
    }
  }

  void add_file(ArchiveWalk& walk, archive_entry* entry, const std::string& name,
                std::uint64_t number) {
    if (::archive_entry_sparse_count(entry) > 0) throw BadDocument(name + " has holes");
    Member member;
    member.number = number;
    member.size = static_cast<std::uint64_t>(::archive_entry_size(entry));
    if (plain_) {
      member.offset = walk.offset();
      if (member.offset > size_ || member.size > size_ - member.offset)
        throw BadDocument("it ends in the middle of " + name);
    } else if (member.size <= small_file && kept_ + member.size <= most_kept) {
      for (auto block = walk.block(); !block.empty(); block = walk.block())
        member.content.append(block.data(), block.size());
      member.kept = true;
      kept_ += member.size;
    }
    members_.add_file(name, std::move(member));
  }

  std::string description_;
  UniqueFd fd_;
  std::uint64_t size_ = 0;
  bool plain_ = false;
  std::uint64_t kept_ = 0;
  Members members_;
};

}  // namespace

std::unique_ptr<FileSet> archive_files(UniqueFd fd, std::string description) {
  return std::make_unique<ArchiveFiles>(std::move(fd), std::move(description));
}

}  // namespace dboot::image
