#include "injector/stream/digest.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <new>
#include <span>
#include <utility>

#include "injector/stream/damage.hpp"

namespace dboot {
namespace {

struct Algorithm {
  std::string_view name;
  const EVP_MD* (*function)();
  std::size_t digits;
};
constexpr std::array<Algorithm, 2> algorithms{
    {{"sha256", &::EVP_sha256, 64}, {"sha512", &::EVP_sha512, 128}}};

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
      : algorithm_(algorithm), context_(::EVP_MD_CTX_new(), &::EVP_MD_CTX_free) {
    if (!context_) throw std::bad_alloc();
    check(::EVP_DigestInit_ex(context_.get(), algorithm_of(algorithm).function(), nullptr));
  }

  void add(std::span<const char> bytes) {
    check(::EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
  }

  Digest finish() {
    constexpr std::string_view digits = "0123456789abcdef";
    std::array<unsigned char, EVP_MAX_MD_SIZE> raw{};
    unsigned size = 0;
    check(::EVP_DigestFinal_ex(context_.get(), raw.data(), &size));
    Digest result{algorithm_, {}};
    for (const unsigned char byte : std::span(raw).first(size))
      result.hexadecimal += {digits[byte >> 4U], digits[byte & 15U]};
    return result;
  }

 private:
  /// libcrypto has no other reason to fail here, except where a policy of the system forbids the
  /// algorithm.
  void check(int result) const {
    if (result != 1) throw std::runtime_error("libcrypto does not compute " + algorithm_);
  }

  std::string algorithm_;
  std::unique_ptr<EVP_MD_CTX, decltype(&::EVP_MD_CTX_free)> context_;
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
