#include "injector/stream/digest.hpp"

#include <nettle/nettle-meta.h>
#include <nettle/sha2.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include "injector/stream/damage.hpp"

namespace dboot {
namespace {

struct Algorithm {
  std::string_view name;
  const nettle_hash& hash;
  std::size_t digits;
};
constexpr std::array<Algorithm, 2> algorithms{
    {{"sha256", ::nettle_sha256, 64}, {"sha512", ::nettle_sha512, 128}}};

const Algorithm& algorithm_of(const std::string& name) {
  for (const Algorithm& algorithm : algorithms) {
    if (algorithm.name == name) return algorithm;
  }
  throw std::invalid_argument("no digest algorithm: " + name);
}

/// Bytes in, digest out.
class Hash {
 public:
  explicit Hash(const std::string& algorithm)
      : algorithm_(algorithm_of(algorithm)), context_(algorithm_.hash.context_size) {
    algorithm_.hash.init(context_.data());
  }

  void add(std::span<const char> bytes) {
    algorithm_.hash.update(context_.data(), bytes.size(),
                           reinterpret_cast<const std::uint8_t*>(bytes.data()));
  }

  Digest finish() {
    constexpr std::string_view digits = "0123456789abcdef";
    std::array<std::uint8_t, SHA512_DIGEST_SIZE> raw{};
    const std::size_t size = algorithm_.digits / 2;
    algorithm_.hash.digest(context_.data(), size, raw.data());
    Digest result{std::string(algorithm_.name), {}};
    for (const auto byte : std::span(raw).first(size))
      result.hexadecimal += {digits[byte >> 4U], digits[byte & 15U]};
    return result;
  }

 private:
  const Algorithm& algorithm_;
  std::vector<std::byte> context_;
};

class VerifiedStream : public ByteStream {
 public:
  VerifiedStream(std::unique_ptr<ByteStream> stream, Digest digest,
                 std::optional<std::uint64_t> size, std::string description)
      : stream_(std::move(stream)),
        hash_(digest.algorithm),
        digest_(std::move(digest)),
        size_(size),
        description_(std::move(description)) {}

  std::span<const char> next() override {
    if (finished_) return {};
    const auto bytes = stream_->next();
    if (bytes.empty()) {
      finish();
      return {};
    }
    count_ += bytes.size();
    if (size_ && count_ > *size_) damaged("it is longer than " + std::to_string(*size_) + " bytes");
    hash_.add(bytes);
    return bytes;
  }

 private:
  void finish() {
    if (size_ && count_ != *size_) {
      damaged("it has " + std::to_string(count_) + " bytes instead of " + std::to_string(*size_));
    }
    const Digest found = hash_.finish();
    if (found != digest_)
      damaged("its digest is " + to_string(found) + ", not " + to_string(digest_));
    finished_ = true;
  }

  [[noreturn]] void damaged(const std::string& reason) const { throw Damage(description_, reason); }

  std::unique_ptr<ByteStream> stream_;
  Hash hash_;
  Digest digest_;
  std::optional<std::uint64_t> size_;
  std::string description_;
  std::uint64_t count_ = 0;
  bool finished_ = false;
};

}  // namespace

std::optional<Digest> parse_digest(std::string_view text) {
  for (const Algorithm& algorithm : algorithms) {
    if (!text.starts_with(algorithm.name)) continue;
    std::string_view rest = text.substr(algorithm.name.size());
    if (!rest.starts_with(':')) continue;
    rest.remove_prefix(1);
    const bool plain = rest.find_first_not_of("0123456789abcdef") == std::string_view::npos;
    if (rest.size() != algorithm.digits || !plain) return std::nullopt;
    return Digest{std::string(algorithm.name), std::string(rest)};
  }
  return std::nullopt;
}

std::string to_string(const Digest& digest) {
  return digest.algorithm + ":" + digest.hexadecimal;
}

Digest digest_of(std::string_view bytes, const std::string& algorithm) {
  Hash hash(algorithm);
  hash.add(bytes);
  return hash.finish();
}

Digest digest_of(ByteStream& stream, const std::string& algorithm) {
  Hash hash(algorithm);
  for (auto bytes = stream.next(); !bytes.empty(); bytes = stream.next()) hash.add(bytes);
  return hash.finish();
}

std::unique_ptr<ByteStream> verified_stream(std::unique_ptr<ByteStream> stream, Digest digest,
                                            std::optional<std::uint64_t> size,
                                            std::string description) {
  return std::make_unique<VerifiedStream>(std::move(stream), std::move(digest), size,
                                          std::move(description));
}

}  // namespace dboot
