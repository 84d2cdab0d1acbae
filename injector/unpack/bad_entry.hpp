#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace dboot::rootfs {

/// Why an entry is refused, and what to do about it.
class BadEntry : public std::runtime_error {
 public:
  explicit BadEntry(const std::string& why,
                    std::string mend = "take an archive that is whole and was not tampered with")
      : runtime_error(why), mend_(std::move(mend)) {}

  const std::string& mend() const noexcept { return mend_; }

 private:
  std::string mend_;
};

}  // namespace dboot::rootfs
