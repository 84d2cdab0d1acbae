#include "injector/stream/file_stream.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "injector/interruption.hpp"
#include "injector/stream/damage.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot {
namespace {

/// Often enough for a person who has pressed Ctrl-C while another thread was running.
constexpr int patience_ms = 200;

class WholeFile : public FillingStream {
 public:
  WholeFile(UniqueFd fd, std::string description)
      : fd_(std::move(fd)), description_(std::move(description)) {
    struct stat status {};
    sys::check(::fstat(fd_.get(), &status), "stat ", description_);
    waits_ = !S_ISREG(status.st_mode);
    // Twice the read-ahead. It is advice: a pipe takes none.
    if (!waits_) ::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  }

  std::size_t fill(std::span<char> space) override {
    std::size_t filled = 0;
    while (filled < space.size() && !ended_) {
      interruption::check();
      if (waits_ && !is_ready(filled > 0)) {
        if (filled > 0) break;
        continue;
      }
      const ssize_t count = ::read(fd_.get(), space.data() + filled, space.size() - filled);
      if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      sys::check(count, "read ", description_);
      ended_ = count == 0;
      filled += static_cast<std::size_t>(count);
    }
    return filled;
  }

 private:
  /// What has come is handed on rather than waiting for more.
  bool is_ready(bool have_some) const {
    pollfd poll{fd_.get(), POLLIN, 0};
    const int count = ::poll(&poll, 1, have_some ? 0 : patience_ms);
    if (count < 0 && errno != EINTR) sys::fail(errno, {"poll ", description_});
    return count > 0;
  }

  UniqueFd fd_;
  std::string description_;
  bool waits_ = false;
  bool ended_ = false;
};

class PartOfFile : public FillingStream {
 public:
  PartOfFile(int fd, std::uint64_t offset, std::uint64_t size, std::string description)
      : fd_(fd), offset_(offset), left_(size), description_(std::move(description)) {
    ::posix_fadvise(fd_, static_cast<off_t>(offset_), static_cast<off_t>(left_),
                    POSIX_FADV_SEQUENTIAL);
  }

  std::size_t fill(std::span<char> space) override {
    std::size_t filled = 0;
    while (filled < space.size() && left_ > 0) {
      interruption::check();
      const std::size_t most = std::min<std::uint64_t>(space.size() - filled, left_);
      const ssize_t count = ::pread(fd_, space.data() + filled, most, static_cast<off_t>(offset_));
      if (count < 0 && errno == EINTR) continue;
      sys::check(count, "read ", description_);
      if (count == 0) throw Damage(description_, "it ends too early");
      filled += static_cast<std::size_t>(count);
      offset_ += static_cast<std::uint64_t>(count);
      left_ -= static_cast<std::uint64_t>(count);
    }
    return filled;
  }

 private:
  int fd_;
  std::uint64_t offset_;
  std::uint64_t left_;
  std::string description_;
};

/// Reads little at once: the next thing that anybody wants may be far away.
class SkimmedFile : public ByteStream {
 public:
  SkimmedFile(int fd, std::uint64_t size, std::string description)
      : fd_(fd), size_(size), description_(std::move(description)) {}

  std::span<const char> next() override {
    interruption::check();
    const std::size_t most = std::min<std::uint64_t>(block_.size(), size_ - position_);
    const ssize_t count = sys::check(
        ::pread(fd_, block_.data(), most, static_cast<off_t>(position_)), "read ", description_);
    position_ += static_cast<std::uint64_t>(count);
    return std::span(block_).first(static_cast<std::size_t>(count));
  }
  std::uint64_t skip(std::uint64_t most) noexcept override {
    const auto skipped = std::min(most, size_ - position_);
    position_ += skipped;
    return skipped;
  }

 private:
  int fd_;
  std::uint64_t size_;
  std::uint64_t position_ = 0;
  std::string description_;
  std::vector<char> block_ = std::vector<char>(std::size_t{1} << 16U);
};

}  // namespace

std::unique_ptr<FillingStream> file_stream(UniqueFd fd, const std::string& description) {
  return std::make_unique<WholeFile>(std::move(fd), description);
}

std::unique_ptr<FillingStream> file_stream(int fd, std::uint64_t offset, std::uint64_t size,
                                           const std::string& description) {
  return std::make_unique<PartOfFile>(fd, offset, size, description);
}

std::unique_ptr<ByteStream> skimmed_file_stream(int fd, std::uint64_t size,
                                                const std::string& description) {
  return std::make_unique<SkimmedFile>(fd, size, description);
}

}  // namespace dboot
