#include "injector/stream/lz4_legacy_stream.hpp"

#include <lz4.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "injector/stream/damage.hpp"
#include "injector/stream/input.hpp"

namespace dboot {
namespace {

constexpr std::uint32_t magic = 0x184C2102;
/// What a block holds, at most.
constexpr int block_size = 8 * 1024 * 1024;
constexpr std::uint32_t largest_block = LZ4_COMPRESSBOUND(block_size);

class Lz4LegacyStream : public FillingStream {
 public:
  Lz4LegacyStream(std::unique_ptr<ByteStream> stream, std::string description)
      : input_(std::move(stream)), description_(std::move(description)) {}

  std::size_t fill(std::span<char> space) override {
    if (taken_ == made_) next_block();
    const auto count = std::min(space.size(), made_ - taken_);
    std::copy_n(block_.begin() + static_cast<std::ptrdiff_t>(taken_), count, space.begin());
    taken_ += count;
    return count;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Damage(description_, "its lz4 data " + what);
  }

  /// Empty at the end.
  std::vector<char> take(std::size_t size) {
    std::vector<char> bytes;
    while (bytes.size() < size) {
      const auto there = input_.bytes();
      if (there.empty() && bytes.empty()) return bytes;
      if (there.empty()) fail("end too early");
      const auto count = std::min(there.size(), size - bytes.size());
      bytes.insert(bytes.end(), there.begin(), there.begin() + static_cast<std::ptrdiff_t>(count));
      input_.take(count);
    }
    return bytes;
  }

  /// In little-endian; that of a frame that follows is passed over.
  std::uint32_t next_size() {
    for (;;) {
      const auto bytes = take(sizeof(std::uint32_t));
      std::uint32_t size = 0;
      for (std::size_t at = 0; at < bytes.size(); ++at)
        size |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at])) << (8 * at);
      if (size != magic) return size;
    }
  }

  void next_block() {
    taken_ = made_ = 0;
    const auto size = next_size();
    if (size == 0) return;
    if (size > largest_block) fail("are damaged: a block of " + std::to_string(size) + " bytes");
    const auto compressed = take(size);
    if (compressed.empty()) fail("end too early");
    block_.resize(block_size);
    const int made = ::LZ4_decompress_safe(compressed.data(), block_.data(),
                                           static_cast<int>(compressed.size()), block_size);
    if (made <= 0) fail("are damaged");
    made_ = static_cast<std::size_t>(made);
  }

  Input input_;
  std::string description_;
  std::vector<char> block_;
  std::size_t made_ = 0;
  std::size_t taken_ = 0;
};

}  // namespace

std::unique_ptr<FillingStream> lz4_legacy_stream(std::unique_ptr<ByteStream> stream,
                                                 const std::string& description) {
  return std::make_unique<Lz4LegacyStream>(std::move(stream), description);
}

}  // namespace dboot
