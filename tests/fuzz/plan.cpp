#include "shared/plan/plan.hpp"

#include <boost/crc.hpp>
#include <boost/endian/conversion.hpp>
#include <cstring>
#include <string>

#include "tests/fuzz/support/input.hpp"

namespace {

using namespace dboot;

/// A plan that can be read can be written, and says the same.
void decode(std::span<const std::uint8_t> file) {
  try {
    const Plan plan = plan::decode(file);
    plan::describe(plan);
    fuzz::require(plan::decode(plan::encode(plan)) == plan);
  } catch (const plan::Error&) {
  }
}

/// With the header that belongs to this body, or else the checksum keeps every change out.
std::vector<std::uint8_t> with_header(std::span<const std::uint8_t> body) {
  constexpr std::size_t header = 24;
  constexpr std::size_t crc_at = 12;
  std::vector<std::uint8_t> file(header + body.size());
  std::memcpy(file.data(), "DBOOTPLN", 8);
  boost::endian::store_little_u16(file.data() + 8, plan::major_version);
  boost::endian::store_little_u64(file.data() + 16, body.size());
  std::copy(body.begin(), body.end(), file.begin() + header);
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(file.data(), crc_at);
  crc.process_bytes(file.data() + crc_at + 4, file.size() - crc_at - 4);
  boost::endian::store_little_u32(file.data() + crc_at, crc.checksum());
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span input(data, size);
  decode(input);
  decode(with_header(input));
  return 0;
}
