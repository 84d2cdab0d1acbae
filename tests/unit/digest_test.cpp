#include "injector/stream/digest.hpp"

#include <gmock/gmock.h>

#include "injector/failure.hpp"

namespace dboot {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// FIPS 180-2, appendices B.1 and C.1.
constexpr const char* sha256_of_abc =
    "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr const char* sha512_of_abc =
    "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";

class ByteByByte : public ByteStream {
 public:
  explicit ByteByByte(std::string text) : text_(std::move(text)) {}
  std::span<const char> next() override {
    if (at_ == text_.size()) return {};
    return std::span(text_).subspan(at_++, 1);
  }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

std::string read(const std::string& bytes, const std::string& digest,
                 std::optional<std::uint64_t> size) {
  const auto stream =
      verified_stream(std::make_unique<ByteByByte>(bytes), *parse_digest(digest), size, "layer x");
  std::string text;
  for (auto next = stream->next(); !next.empty(); next = stream->next())
    text.append(next.data(), next.size());
  EXPECT_TRUE(stream->next().empty());
  return text;
}

std::string failure_of(const std::string& bytes, const std::string& digest,
                       std::optional<std::uint64_t> size) {
  try {
    read(bytes, digest, size);
  } catch (const Failure& failure) {
    return failure.what();
  }
  return "no failure";
}

TEST(Digest, OnlyWhatIsWrittenAsTheSpecificationSaysIsOne) {
  EXPECT_EQ(to_string(*parse_digest(sha256_of_abc)), sha256_of_abc);
  EXPECT_EQ(to_string(*parse_digest(sha512_of_abc)), sha512_of_abc);
  const std::string digits(64, 'a');
  for (const std::string& text :
       {std::string(), std::string("sha256"), std::string("sha256:"), "sha256:" + digits + "a",
        "sha256:" + digits.substr(1), "sha256:" + digits.substr(1) + "A", "SHA256:" + digits,
        "sha512:" + digits, "md5:" + digits, "sha256:../" + digits.substr(3),
        "sha256:" + digits.substr(1) + "/", digits, "sha256:" + digits + "\n"}) {
    EXPECT_FALSE(parse_digest(text)) << text;
  }
}

TEST(Digest, IsThatOfTheBytes) {
  EXPECT_EQ(to_string(digest_of("abc")), sha256_of_abc);
  EXPECT_EQ(to_string(digest_of("abc", "sha512")), sha512_of_abc);
}

TEST(VerifiedStream, RightBytesPassUnchanged) {
  EXPECT_EQ(read("abc", sha256_of_abc, 3), "abc");
  EXPECT_EQ(read("abc", sha512_of_abc, 3), "abc");
  EXPECT_EQ(read("abc", sha256_of_abc, std::nullopt), "abc");
}

TEST(VerifiedStream, WrongBytesAreNamedWithBothDigests) {
  EXPECT_THAT(failure_of("abd", sha256_of_abc, 3),
              AllOf(HasSubstr("layer x"), HasSubstr(sha256_of_abc),
                    HasSubstr(to_string(digest_of("abd")))));
}

TEST(VerifiedStream, TooFewAndTooManyBytesAreNamed) {
  EXPECT_THAT(failure_of("ab", sha256_of_abc, 3),
              AllOf(HasSubstr("layer x"), HasSubstr("2 bytes"), HasSubstr("3")));
  EXPECT_THAT(failure_of("abcd", sha256_of_abc, 3), HasSubstr("longer than 3 bytes"));
  EXPECT_THAT(failure_of("", sha256_of_abc, 3), HasSubstr("0 bytes"));
  EXPECT_THAT(failure_of("abc", sha256_of_abc, 0), HasSubstr("longer than 0 bytes"));
}

}  // namespace
}  // namespace dboot
