#pragma once

#include <string>

#include "injector/failure.hpp"

namespace dboot {

/// Bytes that are not what their format says: they end too early, or a checksum is wrong.
class Damage : public Failure {
 public:
  /// `subject` is whose bytes they are, for who catches it as a Failure; `reason` says what is
  /// wrong with them, for who knows better where it was.
  Damage(const std::string& subject, const std::string& reason,
         const std::string& mend = "take an archive that is whole and was not tampered with")
      : Failure("cannot read " + subject + ": " + reason, mend), reason_(reason) {}

  const std::string& reason() const noexcept { return reason_; }

 private:
  std::string reason_;
};

}  // namespace dboot
