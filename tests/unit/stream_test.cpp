#include <gmock/gmock.h>
#include <lz4.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "injector/interruption.hpp"
#include "injector/stream/bounded_stream.hpp"
#include "injector/stream/damage.hpp"
#include "injector/stream/decompress.hpp"
#include "injector/stream/file_stream.hpp"
#include "injector/stream/read_ahead.hpp"
#include "tests/support/byte_streams.hpp"
#include "tests/support/tar_builder.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot {
namespace {

using testing::HasSubstr;

/// More than some blocks, and neither all the same nor all different.
std::string text(std::size_t size) {
  std::string bytes;
  for (unsigned number = 1; bytes.size() < size; ++number) {
    bytes += std::to_string(number * 2654435761U % 100'000'007U) + (number % 3 == 0 ? "\n" : " ");
  }
  bytes.resize(size);
  return bytes;
}

std::string decompressed(const std::string& bytes, std::size_t piece = 1U << 20U) {
  return read_all(*decompress(std::make_unique<Pieces>(bytes, piece), "test.gz"));
}

std::string damage(const std::string& bytes, std::size_t piece = 1U << 20U) {
  try {
    decompressed(bytes, piece);
  } catch (const Damage& damage) {
    EXPECT_THAT(damage.what(), HasSubstr("test.gz"));
    return damage.reason();
  }
  return "read";
}

struct Filter {
  int code;
  Compression compression;
};
constexpr std::array filters{
    Filter{ARCHIVE_FILTER_NONE, Compression::none},
    Filter{ARCHIVE_FILTER_GZIP, Compression::gzip},
    Filter{ARCHIVE_FILTER_ZSTD, Compression::zstd},
    Filter{ARCHIVE_FILTER_XZ, Compression::xz},
    Filter{ARCHIVE_FILTER_LZMA, Compression::lzma},
    Filter{ARCHIVE_FILTER_BZIP2, Compression::bzip2},
    Filter{ARCHIVE_FILTER_LZ4, Compression::lz4},
};

class Decompress : public testing::TestWithParam<Filter> {
 protected:
  bool is_compressed() const { return GetParam().compression != Compression::none; }
};
INSTANTIATE_TEST_SUITE_P(Filters, Decompress, testing::ValuesIn(filters),
                         [](const auto& test) { return name(test.param.compression); });

TEST_P(Decompress, IsRecognisedAndGivesWhatWasCompressed) {
  const std::string bytes = text(1'200'000);
  const std::string packed = compressed(GetParam().code, bytes);
  EXPECT_EQ(compression_of(packed.substr(0, compression_magic)), GetParam().compression);
  EXPECT_TRUE(decompressed(packed) == bytes);
}

TEST_P(Decompress, ByOtherThreadsGivesTheSame) {
  const std::string bytes = text(200'000);
  const std::string packed = compressed(GetParam().code, bytes);
  for (const std::size_t piece : {std::size_t{100}, std::size_t{100'000}}) {
    const auto stream = decompress_ahead(std::make_unique<Pieces>(packed, piece), "test.gz");
    EXPECT_TRUE(read_all(*stream) == bytes) << piece;
  }
}

TEST_P(Decompress, NeedsNoMoreThanAByteAtATime) {
  const std::string bytes = text(20'000);
  EXPECT_TRUE(decompressed(compressed(GetParam().code, bytes), 1) == bytes);
}

TEST_P(Decompress, NothingAtAllIsNothing) {
  // libarchive 3.6 crashes when it is to write nothing at all as lz4.
  if (GetParam().compression == Compression::lz4) return;
  EXPECT_EQ(decompressed(compressed(GetParam().code, "")), "");
}

TEST_P(Decompress, EveryTruncationIsRefused) {
  if (!is_compressed()) return;
  const std::string packed = compressed(GetParam().code, text(30'000));
  for (std::size_t size = compression_magic; size < packed.size(); size += packed.size() / 30) {
    EXPECT_NE(damage(packed.substr(0, size)), "read") << size << " of " << packed.size();
  }
  EXPECT_NE(damage(packed.substr(0, packed.size() - 1)), "read");
}

TEST_P(Decompress, DamageInTheMiddleIsRefused) {
  // lzma has no checksum, and what libarchive writes as zstd has none.
  if (!is_compressed() || GetParam().compression == Compression::lzma ||
      GetParam().compression == Compression::zstd) {
    return;
  }
  std::string packed = compressed(GetParam().code, text(300'000));
  for (const std::size_t at : {packed.size() / 3, packed.size() / 2, packed.size() - 2}) {
    std::string damaged = packed;
    damaged[at] = static_cast<char>(~damaged[at]);
    EXPECT_NE(damage(damaged), "read") << at << " of " << packed.size();
  }
}

TEST_P(Decompress, OnePackedThingAfterTheOtherIsBoth) {
  if (!is_compressed() || GetParam().compression == Compression::lzma) return;
  const std::string packed =
      compressed(GetParam().code, text(100'000)) + compressed(GetParam().code, "and more");
  for (const std::size_t piece : {std::size_t{1}, std::size_t{4096}, packed.size()}) {
    EXPECT_TRUE(decompressed(packed, piece) == text(100'000) + "and more") << piece;
  }
}

TEST_P(Decompress, GarbageBehindTheEndIsRefused) {
  if (!is_compressed()) return;
  const std::string packed = compressed(GetParam().code, text(100'000));
  EXPECT_NE(damage(packed + "garbage"), "read");
  EXPECT_NE(damage(packed + std::string(100, '\0') + "x"), "read");
}

TEST(Gzip, ZerosMayFollowAsOnATape) {
  const std::string packed = compressed(ARCHIVE_FILTER_GZIP, text(100'000));
  EXPECT_TRUE(decompressed(packed + std::string(1, '\0')) == text(100'000));
  EXPECT_TRUE(decompressed(packed + std::string(20'000, '\0'), 700) == text(100'000));
}

TEST(Gzip, WrongChecksumAndWrongSizeAreRefusedInEveryMember) {
  const std::string good = compressed(ARCHIVE_FILTER_GZIP, text(100'000));
  for (const std::size_t from_end : {8U, 5U, 4U, 1U}) {
    std::string bad = good;
    bad[bad.size() - from_end] = static_cast<char>(bad[bad.size() - from_end] ^ 1);
    EXPECT_EQ(damage(bad), "its gzip data have a wrong checksum") << from_end;
    EXPECT_EQ(damage(bad + good), "its gzip data have a wrong checksum") << from_end;
    EXPECT_EQ(damage(good + bad, 100), "its gzip data have a wrong checksum") << from_end;
  }
}

TEST(Gzip, HeaderMayHaveEveryField) {
  // FLG: FEXTRA, FNAME, FCOMMENT (RFC 1952, 2.3.1); the rest as it was.
  const std::string plain = compressed(ARCHIVE_FILTER_GZIP, "content");
  std::string packed = plain.substr(0, 10) + std::string("\3\0abc", 5) + std::string("name\0", 5) +
                       std::string("comment\0", 8) + plain.substr(10);
  packed[3] = 0x04 | 0x08 | 0x10;
  EXPECT_EQ(decompressed(packed), "content");
  EXPECT_EQ(decompressed(packed, 1), "content");
}

/// A block of at most 8 MiB each, with its size in front.
std::string legacy_lz4(const std::vector<std::string>& blocks) {
  std::string text("\x02\x21\x4c\x18", 4);
  for (const auto& block : blocks) {
    std::string packed(
        static_cast<std::size_t>(::LZ4_compressBound(static_cast<int>(block.size()))), '\0');
    const int size =
        ::LZ4_compress_default(block.data(), packed.data(), static_cast<int>(block.size()),
                               static_cast<int>(packed.size()));
    packed.resize(static_cast<std::size_t>(size));
    for (int at = 0; at < 4; ++at)
      text += static_cast<char>(static_cast<unsigned>(size) >> (8 * at));
    text += packed;
  }
  return text;
}

TEST(Lz4, LegacyFramesAreDecompressed) {
  const std::string large(3'000'000, 'x');
  const auto packed = legacy_lz4({large, "end"});
  EXPECT_EQ(decompressed(packed), large + "end");
  EXPECT_EQ(decompressed(packed + legacy_lz4({"more"})), large + "endmore");
  EXPECT_NE(damage(packed.substr(0, packed.size() - 1)), "read");
  EXPECT_NE(damage(std::string("\x02\x21\x4c\x18\xff\xff\xff\x7f", 8) + packed), "read");
}

TEST(Lz4, SkippableFramesInFrontAreSkipped) {
  const std::string skippable("\x5a\x2a\x4d\x18\x04\0\0\0skip", 12);
  const auto packed = TarBuilder(ARCHIVE_FILTER_LZ4).file("a", "content").finish();
  EXPECT_EQ(decompressed(skippable + skippable + packed), decompressed(packed));
  EXPECT_EQ(decompressed(skippable + legacy_lz4({"content"})), "content");
}

TEST(Zstd, SkippableFramesAreSkippedWhereverTheyAre) {
  const std::string skippable("\x5a\x2a\x4d\x18\x04\0\0\0skip", 12);
  const std::string packed = compressed(ARCHIVE_FILTER_ZSTD, "content");
  EXPECT_EQ(decompressed(skippable + packed + skippable + packed + skippable), "contentcontent");
  EXPECT_NE(damage(packed + skippable.substr(0, 9)), "read");
}

TEST(Zstd, WrongChecksumIsRefused) {
  std::string packed("\x28\xb5\x2f\xfd\x24\x07\x39\0\0content\0\0\0\0", 20);
  EXPECT_THAT(damage(packed), HasSubstr("checksum"));
}

TEST(Zstd, WindowOfMoreThanMemoryCanHoldIsRefused) {
  // Frame_Header_Descriptor 0, Window_Descriptor: exponent 20, so 2^30 bytes (RFC 8878, 3.1.1.1.2).
  EXPECT_THAT(damage(std::string("\x28\xb5\x2f\xfd\0\xa0\x01\0\0", 9)),
              HasSubstr("need more than 128 MiB of memory"));
}

TEST(CompressionOf, TarsAreNoCompression) {
  EXPECT_EQ(compression_of(""), Compression::none);
  EXPECT_EQ(compression_of("etc/passwd"), Compression::none);
  EXPECT_EQ(compression_of(std::string("]\0\0\0\0\0\0\0\0\0\0\0\0", 13)), Compression::none);
  EXPECT_EQ(compression_of("BZhello"), Compression::none);
}

TEST(FileStream, GivesAFileFromWhereItStands) {
  const TemporaryDirectory directory;
  write_text(directory / "file", text(2'500'000));
  UniqueFd fd = sys::open(directory / "file", O_RDONLY);
  ::lseek(fd.get(), 5, SEEK_SET);
  const auto stream = file_stream(std::move(fd), "file");
  EXPECT_TRUE(read_all(*stream) == text(2'500'000).substr(5));
  EXPECT_TRUE(stream->next().empty());
}

TEST(FileStream, GivesAPartOfAFileToSeveral) {
  const TemporaryDirectory directory;
  write_text(directory / "file", text(2'500'000));
  const UniqueFd fd = sys::open(directory / "file", O_RDONLY);
  const auto one = file_stream(fd.get(), 1000, 2'000'000, "file");
  const auto other = file_stream(fd.get(), 7, 8, "file");
  EXPECT_EQ(one->next().size(), stream_block);
  EXPECT_EQ(read_all(*other), text(15).substr(7));
  EXPECT_EQ(read_all(*one).size(), 2'000'000 - stream_block);
}

TEST(FileStream, FileThatIsShorterThanItShouldBeIsDamaged) {
  const TemporaryDirectory directory;
  write_text(directory / "file", "short");
  const UniqueFd fd = sys::open(directory / "file", O_RDONLY);
  const auto stream = file_stream(fd.get(), 0, 6, "file");
  EXPECT_THROW(read_all(*stream), Damage);
}

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    sys::check(::pipe2(ends.data(), O_CLOEXEC), "pipe");
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
  UniqueFd read;
  UniqueFd write;
};

TEST(FileStream, GivesWhatHasComeThroughAPipe) {
  Pipe pipe;
  sys::write_all(pipe.write.get(), "first");
  const auto stream = file_stream(std::move(pipe.read), "-");
  const auto bytes = stream->next();
  EXPECT_EQ(std::string(bytes.begin(), bytes.end()), "first");
  sys::write_all(pipe.write.get(), "second");
  pipe.write.reset();
  EXPECT_EQ(read_all(*stream), "second");
}

TEST(ReadAhead, GivesTheSameBytes) {
  const std::string bytes = text(9'000'000);
  for (const std::size_t piece : {1000UL, 3'000'000UL, 20'000'000UL}) {
    EXPECT_TRUE(read_all(*read_ahead(std::make_unique<Pieces>(bytes, piece))) == bytes) << piece;
  }
  const auto unpacked = read_ahead(
      decompress(std::make_unique<Pieces>(compressed(ARCHIVE_FILTER_GZIP, bytes)), "test.gz"));
  EXPECT_TRUE(read_all(*unpacked) == bytes);
  EXPECT_TRUE(unpacked->next().empty());
}

TEST(ReadAhead, ThrowsWhatTheStreamThrowsAfterTheBytesBefore) {
  const std::string packed = compressed(ARCHIVE_FILTER_GZIP, text(3'000'000));
  const auto stream = read_ahead(
      decompress(std::make_unique<Pieces>(packed.substr(0, packed.size() - 1)), "test.gz"));
  EXPECT_EQ(stream->next().size(), stream_block);
  EXPECT_THROW(read_all(*stream), Damage);
}

TEST(ReadAhead, CanBeLeftWithBlocksThatNobodyTook) {
  const auto stream = read_ahead(std::make_unique<Pieces>(text(9'000'000)));
  EXPECT_FALSE(stream->next().empty());
}

TEST(ReadAhead, CanBeLeftWhileItWaitsForAPipe) {
  Pipe pipe;
  sys::write_all(pipe.write.get(), "first");
  const auto stream = read_ahead(file_stream(std::move(pipe.read), "-"));
  EXPECT_EQ(stream->next().size(), 5U);
}

/// Blocks in read(2) for good, as a foreign library might.
class DeafStream : public ByteStream {
 public:
  explicit DeafStream(int fd) : fd_(fd) {}
  std::span<const char> next() override {
    while (::read(fd_, &byte_, 1) < 0 && errno == EINTR) interruption::check();
    return {};
  }

 private:
  int fd_;
  char byte_ = 0;
};

TEST(ReadAhead, WakesAThreadThatSitsInASystemCall) {
  const Pipe pipe;
  { const auto stream = read_ahead(std::make_unique<DeafStream>(pipe.read.get())); }
  SUCCEED();
}

TEST(ReadAhead, SignalsGoToTheFirstThread) {
  static volatile sig_atomic_t received_by_first = -1;
  static const pthread_t first = ::pthread_self();
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = [](int) { received_by_first = ::pthread_equal(::pthread_self(), first); };
  ::sigaction(SIGUSR2, &action, &before);
  const Pipe pipe;
  {
    const auto stream = read_ahead(std::make_unique<DeafStream>(pipe.read.get()));
    ::kill(::getpid(), SIGUSR2);
    while (received_by_first < 0) ::pause();
  }
  ::sigaction(SIGUSR2, &before, nullptr);
  EXPECT_EQ(received_by_first, 1);
}

TEST(BoundedStream, EndsWhatHasNoOtherEnd) {
  EXPECT_EQ(read_all(*bounded_stream(std::make_unique<Pieces>("12345"), 5, "bomb")), "12345");
  const auto stream = bounded_stream(std::make_unique<Pieces>("123456"), 5, "bomb");
  try {
    read_all(*stream);
    FAIL();
  } catch (const Failure& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("bomb"));
    EXPECT_THAT(failure.what(), HasSubstr("5 bytes"));
  }
}

}  // namespace
}  // namespace dboot
