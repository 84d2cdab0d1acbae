#include "injector/archive/spool.hpp"

#include <sys/mman.h>

#include <string_view>
#include <utility>

#include "injector/byte_size.hpp"
#include "injector/failure.hpp"
#include "injector/stream/file_stream.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::image {
namespace {

class Replay : public ByteStream {
 public:
  Replay(UniqueFd file, std::uint64_t kept, std::unique_ptr<ByteStream> rest)
      : file_(std::move(file)),
        begin_(file_stream(file_.get(), 0, kept, "the begin of a stream")),
        rest_(std::move(rest)) {}

  std::span<const char> next() override {
    if (begin_) {
      if (const auto bytes = begin_->next(); !bytes.empty()) return bytes;
      begin_.reset();
      file_.reset();
    }
    return rest_->next();
  }

 private:
  UniqueFd file_;
  std::unique_ptr<ByteStream> begin_;
  std::unique_ptr<ByteStream> rest_;
};

}  // namespace

class Spool::Reader : public ByteStream {
 public:
  explicit Reader(Spool& spool) : spool_(spool) {}
  std::span<const char> next() override { return spool_.read(); }

 private:
  Spool& spool_;
};

Spool::Spool(std::unique_ptr<ByteStream> stream, std::uint64_t most)
    : stream_(std::move(stream)),
      most_(most),
      file_(sys::check(::memfd_create("dboot-image", MFD_CLOEXEC), "memfd_create")) {}

std::span<const char> Spool::read() {
  const auto bytes = stream_->next();
  if (bytes.size() > most_ - kept_) {
    throw Failure(
        "what this is, or how its layers follow, is known at its end alone, so that all of it has "
        "to be kept in memory besides the root that is made from it: it has more than the " +
            byte_size(most_) + " that there are for that",
        "save it to a file, and name that");
  }
  sys::write_all(file_.get(), std::string_view(bytes.data(), bytes.size()));
  kept_ += bytes.size();
  return bytes;
}

std::unique_ptr<ByteStream> Spool::reader() {
  return std::make_unique<Reader>(*this);
}

UniqueFd Spool::whole() && {
  while (!read().empty()) {
  }
  return std::move(file_);
}

std::unique_ptr<ByteStream> Spool::replay() && {
  return std::make_unique<Replay>(std::move(file_), kept_, std::move(stream_));
}

}  // namespace dboot::image
