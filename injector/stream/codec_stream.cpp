#include "injector/stream/codec_stream.hpp"

#include <utility>

#include "injector/interruption.hpp"
#include "injector/stream/damage.hpp"

namespace dboot {

CodecStream::CodecStream(std::unique_ptr<ByteStream> stream, std::string codec,
                         std::string description)
    : input_(std::move(stream)), codec_(std::move(codec)), description_(std::move(description)) {}

std::size_t CodecStream::fill(std::span<char> space) {
  if (failure_) std::rethrow_exception(failure_);
  std::size_t filled = 0;
  try {
    while (filled < space.size() && !ended_) filled += fill_some(space.subspan(filled));
  } catch (...) {
    if (filled == 0) throw;
    // First what was good: it tells where the rest is not.
    failure_ = std::current_exception();
  }
  return filled;
}

std::size_t CodecStream::fill_some(std::span<char> space) {
  interruption::check();
  const auto in = input_.bytes();
  if (between_units_ && (in.empty() || is_end(input_))) {
    ended_ = true;
    return 0;
  }
  const Step done = step(in, space);
  input_.take(done.taken);
  between_units_ = done.unit_ended;
  // Without input there may still be output that was held back.
  if (in.empty() && done.made == 0 && !done.unit_ended) fail("end too early");
  return done.made;
}

bool CodecStream::is_end(Input&) {
  return false;
}

void CodecStream::fail(const std::string& what) const {
  throw Damage(description_, "its " + codec_ + " data " + what);
}

void CodecStream::fail_for_memory(const std::string& how) const {
  throw Damage(description_, "its " + codec_ + " data need more than 128 MiB of memory",
               "compress it with less of it, or decompress it before: " + how);
}

}  // namespace dboot
