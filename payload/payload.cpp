#include "payload/payload.hpp"

#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "payload/context.hpp"
#include "payload/phases/wake.hpp"
#include "payload/plan_file.hpp"
#include "payload/self_test.hpp"
#include "shared/plan/payload_note.h"

namespace dboot {
namespace {

void complain(const Payload& payload, const std::string& reason) {
  std::fprintf(stderr, "%s: %s\n", payload.name.c_str(), reason.c_str());
}

/// Names each file that is refused, with the reason. 1 when there is one.
int check_plans(const Payload& payload, const std::vector<std::string>& files) {
  int status = 0;
  for (const auto& file : files) {
    try {
      plan_file::read(file);
    } catch (const std::exception& error) {
      complain(payload, file + ": " + error.what());
      status = 1;
    }
  }
  return status;
}

/// Asio does not notice when the kernel refuses it the descriptor of its timers (epoll_ctl(2):
/// ENOMEM, ENOSPC), and then no deadline would ever pass.
bool has_timers(boost::asio::io_context& loop) {
  using namespace std::chrono_literals;
  bool passed = false;
  boost::asio::steady_timer timer(loop, 0ms);
  timer.async_wait([&](const boost::system::error_code& error) { passed = !error; });
  loop.run_for(1s);
  loop.restart();
  return passed;
}

/// Throws std::runtime_error.
std::unique_ptr<boost::asio::io_context> make_loop() {
  constexpr int attempts = 3;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    auto loop = std::make_unique<boost::asio::io_context>(1);
    if (has_timers(*loop)) return loop;
  }
  throw std::runtime_error("the kernel refuses timers");
}

/// The loop of events, in which everything happens.
void run_sequence(Inheritance inherited, const Sequence& sequence) {
  phases::leave_stdio(inherited);
  const std::string refusal = inherited.refusal;
  const auto loop = make_loop();
  Context context(loop->get_executor(), std::move(inherited));
  phases::open_log(context);
  boost::asio::co_spawn(*loop,
                        refusal.empty() ? take_over(context, sequence) : refuse(context, refusal),
                        [](const std::exception_ptr& error) {
                          // Right here, where nothing has been destroyed yet.
                          if (error) std::terminate();
                        });
  loop->run();
}

/// `failure`: of the payload that was PID 1 before this one; empty when there was none.
[[noreturn]] void run_as_pid_1(const Payload& payload, const std::string& failure) {
  Inheritance inherited = phases::wake_up();
  inherited.program = payload.name;
  inherited.version = payload.version;
  if (!failure.empty()) {
    inherited.anew = true;
    inherited.refusal = failure;
  }
  if (!inherited.refusal.empty() && !inherited.permissions.on_machine()) {
    complain(payload, inherited.refusal);
    ::_exit(1);
  }
  const LastResort last_resort(inherited.permissions, inherited.anew);
  last_resort.install();
  try {
    run_sequence(std::move(inherited), payload.sequence);
  } catch (const std::exception& error) {
    last_resort.act(error.what());
  }
  last_resort.act("the event loop has ended");
}

}  // namespace

int run_payload(int argc, char** argv, const Payload& payload) {
  const std::string_view option = argc > 1 ? argv[1] : "";
  if (option == "--version")
    return std::printf("%s %s\n", payload.name.c_str(), payload.version.c_str()) < 0 ? 1 : 0;
  if (option == "--check-plan" && argc > 2) return check_plans(payload, {argv + 2, argv + argc});
  if (option == "--self-test") return self_test();
  const bool anew = option == LastResort::begin_anew_option && argc > 2;
  if (!option.empty() && !anew) {
    complain(payload, "options: --version, --self-test, --check-plan FILE...");
    return 1;
  }
  if (::getpid() != 1) {
    complain(payload,
             "not PID 1: dboot-inject makes the PID 1 of a running system execute this program");
    return 1;
  }
  run_as_pid_1(payload, anew ? argv[2] : "");
}

}  // namespace dboot

DBOOT_PAYLOAD_NOTE(dboot::plan::major_version, dboot::plan::major_version,
                   dboot::plan::minor_version);
