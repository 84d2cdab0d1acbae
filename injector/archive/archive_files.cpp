#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "injector/archive/archive_file.hpp"
#include "injector/archive/content_size.hpp"
#include "injector/archive/file_set.hpp"
#include "injector/archive/kind.hpp"
#include "injector/archive/members.hpp"
#include "injector/document/json.hpp"
#include "injector/failure.hpp"
#include "injector/stream/damage.hpp"
#include "injector/stream/file_stream.hpp"
#include "shared/system/syscalls.hpp"

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

/// Where a compressed archive has been read to. Whoever wants a later member goes on from there:
/// layers that lie in their order take one pass, or two when the next one is opened before the last
/// has been read.
struct Place {
  std::unique_ptr<TarReader> tar;
  std::uint64_t next = 0;  ///< number of the entry that comes next
};

/// Places that nobody reads from at the moment.
class Places {
 public:
  Place take(std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    auto best = places_.end();
    for (auto place = places_.begin(); place != places_.end(); ++place) {
      if (place->next <= number && (best == places_.end() || place->next > best->next))
        best = place;
    }
    if (best == places_.end()) return {};
    Place taken = std::move(*best);
    places_.erase(best);
    return taken;
  }
  void put(Place place) {
    constexpr std::size_t most = 2;
    const std::lock_guard lock(mutex_);
    if (places_.size() == most) places_.erase(places_.begin());
    places_.push_back(std::move(place));
  }

 private:
  std::mutex mutex_;
  std::vector<Place> places_;
};

/// A member of a compressed archive, which is decompressed up to there.
class DistantStream : public ByteStream {
 public:
  DistantStream(Places& places, Place place, const Member& member, const std::string& description)
      : places_(places), place_(std::move(place)) {
    for (; place_.next <= member.number; ++place_.next) {
      if (place_.tar->next() == nullptr) throw Damage(description, "it has changed");
    }
  }
  ~DistantStream() override {
    if (place_.tar) places_.put(std::move(place_));
  }

  std::span<const char> next() override {
    if (!place_.tar) return {};
    // What has failed once is nobody's place any more.
    Place place = std::move(place_);
    const auto block = place.tar->block();
    place_ = std::move(place);
    return block ? block->bytes : std::span<const char>();
  }

 private:
  Places& places_;
  Place place_;
};

class ArchiveFiles : public FileSet {
 public:
  enum class Members : bool { any, of_no_system };

  ArchiveFiles(UniqueFd fd, std::string description, Members wanted)
      : description_(std::move(description)), fd_(std::move(fd)) {
    struct stat status {};
    sys::check(::fstat(fd_.get(), &status), "stat ", description_);
    size_ = static_cast<std::uint64_t>(status.st_size);
    plain_ = !is_compressed(fd_.get(), size_, description_);
    const auto tar = read_archive(fd_.get(), size_, description_);
    try {
      std::uint64_t number = 0;
      RootFilesystemSigns signs(description_);
      while (archive_entry* entry = tar->next()) {
        if (wanted == Members::of_no_system && signs.show(text(::archive_entry_pathname(entry))))
          return;
        add(*tar, entry, number++);
      }
    } catch (const BadDocument& error) {
      throw Damage(description_, error.what());
    }
    complete_ = true;
  }

  /// Whether there is nothing else in it than what was wanted.
  bool is_complete() const noexcept { return complete_; }
  void describe(std::string description) { description_ = std::move(description); }

  const std::string& description() const override { return description_; }
  bool contains(const std::string& name) const override { return members_.find(name) != nullptr; }
  bool has_directory(const std::string& name) const override { return directories_.contains(name); }
  bool leads_out(const std::string& name) const override {
    return !contains(name) && members_.is_link(name);
  }
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
    Place place = places_.take(member.number);
    if (!place.tar) place.tar = read_archive(fd_.get(), size_, description_);
    return std::make_unique<DistantStream>(places_, std::move(place), member, description);
  }

 private:
  const Member& get(const std::string& name) const {
    const Member* const member = members_.find(name);
    if (member == nullptr)
      throw Failure(name + " is not in " + description_, "take an image that is whole");
    if (!member->unusable.empty())
      throw Failure("cannot read " + name + " in " + description_ + ": " + member->unusable,
                    "write the archive anew, without -S and each file once");
    return *member;
  }

  void add(TarReader& tar, archive_entry* entry, std::uint64_t number) {
    const std::string name = member_name(text(::archive_entry_pathname(entry)));
    directories_.insert(name.substr(0, name.find('/')));
    if (const char* target = ::archive_entry_hardlink(entry)) {
      members_.add_hardlink(name, target);
    } else if (::archive_entry_filetype(entry) == AE_IFLNK) {
      members_.add_symlink(name, text(::archive_entry_symlink(entry)));
    } else if (::archive_entry_filetype(entry) == AE_IFREG) {
      add_file(tar, entry, name, number);
    }
  }

  void add_file(TarReader& tar, archive_entry* entry, const std::string& name,
                std::uint64_t number) {
    Member member;
    if (::archive_entry_sparse_count(entry) > 0) {
      member.unusable = "it is stored with holes";
      return members_.add_file(name, std::move(member));
    }
    member.number = number;
    member.size = static_cast<std::uint64_t>(::archive_entry_size(entry));
    if (plain_) {
      member.offset = tar.offset();
      if (member.offset > size_ || member.size > size_ - member.offset)
        throw BadDocument("it ends in the middle of " + name);
    } else if (member.size <= small_file && kept_ + member.size <= most_kept) {
      while (const auto block = tar.block())
        member.content.append(block->bytes.data(), block->bytes.size());
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
  image::Members members_;
  std::set<std::string> directories_;  ///< at the top
  bool complete_ = false;
  mutable Places places_;
};

}  // namespace

std::unique_ptr<FileSet> archive_files(UniqueFd fd, std::string description) {
  return std::make_unique<ArchiveFiles>(std::move(fd), std::move(description),
                                        ArchiveFiles::Members::any);
}

std::unique_ptr<FileSet> archive_files_of_image(UniqueFd& fd, const std::string& name) {
  // Until it is known to be one, the file is not given away: a failure leaves it to the caller.
  UniqueFd own(sys::check(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3), "dup"));
  auto files =
      std::make_unique<ArchiveFiles>(std::move(own), name, ArchiveFiles::Members::of_no_system);
  if (!files->is_complete()) return nullptr;
  const auto holds = what_is_in(*files);
  if (holds == Holds::root_filesystem) return nullptr;
  files->describe((holds == Holds::oci ? "oci-archive:" : "docker-archive:") +
                  (name == "standard input" ? "-" : name));
  return files;
}

}  // namespace dboot::image
