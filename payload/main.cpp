#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "payload/phases/way_out.hpp"
#include "payload/self_test.hpp"
#include "payload/sequence.hpp"
#include "payload/system/last_resort.hpp"
#include "shared/plan/layout.hpp"
#include "shared/proc/namespace.hpp"

namespace dboot {
namespace {

void complain(const std::string& reason) {
  std::fprintf(stderr, "dboot-init: %s\n", reason.c_str());
}

/// Names each file that is refused, with the reason. 1 when there is one.
int check_plans(const std::vector<std::string>& files) {
  int status = 0;
  for (const auto& file : files) {
    try {
      wake::read_plan(file);
    } catch (const std::exception& error) {
      complain(file + ": " + error.what());
      status = 1;
    }
  }
  return status;
}

/// Empty when the plan may be carried out.
std::string prepare(Plan& plan) {
  try {
    wake::check_proc();
    plan = wake::read_plan(layout::plan);
    return "";
  } catch (const std::exception& error) {
    return error.what();
  }
}

[[noreturn]] void run_as_pid_1() {
  wake::reset_process();
  if (!in_initial_namespace("pid")) wake::keep_requests_pending();
  auto limits = wake::take_limits();
  Plan plan;
  const std::string refusal = prepare(plan);
  const auto permissions = Permissions::of_this_process(plan.scope);
  if (!refusal.empty() && !permissions.on_machine()) {
    complain(refusal);
    ::_exit(1);
  }
  last_resort::install(permissions);
  auto inherited = permissions.on_machine() ? std::vector<UniqueFd>() : wake::inherited_stdio();
  DeviceNodes devices;
  if (permissions.allows(Action::mount_devtmpfs)) devices = DeviceNodes::detached();
  wake::detach_stdio(devices);
  wake::open_log(plan);

  boost::asio::io_context loop(1);
  Context context(loop.get_executor(), std::move(plan), permissions, std::move(devices),
                  std::move(inherited), std::move(limits));
  boost::asio::co_spawn(loop, refusal.empty() ? take_over(context) : refuse(context, refusal),
                        [](const std::exception_ptr& error) {
                          if (error) std::rethrow_exception(error);
                        });
  loop.run();
  last_resort::act("dboot-init: the event loop has ended\n");
}

int run(int argc, char** argv) {
  const std::string_view option = argc > 1 ? argv[1] : "";
  if (option == "--version") return std::puts("dboot-init " DBOOT_VERSION) < 0 ? 1 : 0;
  if (option == "--check-plan" && argc > 2) return check_plans({argv + 2, argv + argc});
  if (option == "--self-test") return self_test();
  if (!option.empty()) {
    complain("options: --version, --self-test, --check-plan FILE...");
    return 1;
  }
  if (::getpid() != 1) {
    complain("not PID 1: dboot-inject makes the PID 1 of a running system execute this program");
    return 1;
  }
  run_as_pid_1();
}

}  // namespace
}  // namespace dboot

int main(int argc, char** argv) {
  return dboot::run(argc, argv);
}
