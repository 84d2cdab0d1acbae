#include "injector/stream/filling_stream.hpp"

namespace dboot {

std::span<const char> FillingStream::next() {
  // Not make_unique: nobody needs a mebibyte of zeros.
  if (!block_) block_.reset(new char[stream_block]);
  return {block_.get(), fill({block_.get(), stream_block})};
}

}  // namespace dboot
