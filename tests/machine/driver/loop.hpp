#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace dboot::machine {

using namespace std::chrono_literals;

/// What was waited for has not come in time.
struct TimedOut : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Handles what arrives from a machine while a test waits for something.
class Loop {
 public:
  boost::asio::io_context& context() { return context_; }

  /// Returns when `done` says so; it is asked after everything that arrives. Throws TimedOut, with
  /// `what` was waited for, or whatever a check throws.
  void run_until(const std::function<bool()>& done, std::chrono::seconds timeout,
                 std::string_view what);

  /// Called after everything that arrives, before `done`; throws when waiting has become pointless.
  void add_check(std::function<void()> check) { checks_.push_back(std::move(check)); }

 private:
  boost::asio::io_context context_;
  std::vector<std::function<void()>> checks_;
};

}  // namespace dboot::machine
