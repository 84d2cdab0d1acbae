#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "injector/failure.hpp"

namespace dboot {

/// "what | mend", or "no failure".
inline std::string failure_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Failure& failure) {
    EXPECT_TRUE(failure.status() == exit_status::failed ||
                failure.status() > exit_status::signalled)
        << failure.status();
    return std::string(failure.what()) + " | " + failure.mend();
  }
  return "no failure";
}

}  // namespace dboot
