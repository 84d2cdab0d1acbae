#include "injector/stream/bounded_stream.hpp"

#include <utility>

#include "injector/byte_size.hpp"
#include "injector/failure.hpp"

namespace dboot {
namespace {

class BoundedStream : public ByteStream {
 public:
  BoundedStream(std::unique_ptr<ByteStream> stream, std::uint64_t most, std::string description)
      : stream_(std::move(stream)), most_(most), description_(std::move(description)) {}

  std::span<const char> next() override {
    const auto bytes = stream_->next();
    seen_ += bytes.size();
    if (seen_ > most_) {
      throw Failure(description_ + " has more than the " + byte_size(most_) + " that it may have",
                    "give it more with --root-size if it comes from somebody you trust");
    }
    return bytes;
  }

 private:
  std::unique_ptr<ByteStream> stream_;
  std::uint64_t most_;
  std::uint64_t seen_ = 0;
  std::string description_;
};

}  // namespace

std::unique_ptr<ByteStream> bounded_stream(std::unique_ptr<ByteStream> stream, std::uint64_t most,
                                           const std::string& description) {
  return std::make_unique<BoundedStream>(std::move(stream), most, description);
}

}  // namespace dboot
