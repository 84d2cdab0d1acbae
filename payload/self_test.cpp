#include "payload/self_test.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>

#include "payload/children/blocking.hpp"
#include "payload/children/children.hpp"
#include "shared/log/log.hpp"
#include "shared/plan/plan.hpp"

namespace dboot {
namespace {

Task<> exercise(bool& works) {
  using namespace std::chrono_literals;
  Log log;
  Children children(co_await boost::asio::this_coro::executor, log);
  blocking::Work work = [](const blocking::Report& report) { report.write("alive"); };
  auto child = blocking::run(children, "self-test", 10s, std::move(work));
  const auto outcome = co_await std::move(child);
  works = outcome.finished() && outcome.text == "alive";
}

bool plan_round_trip() {
  Plan sent;
  sent.executable = "/bin/true";
  sent.arguments = {"true"};
  return plan::decode(plan::encode(sent)) == sent;
}

}  // namespace

int self_test() noexcept {
  try {
    Log().info("self-test");
    boost::asio::io_context loop(1);
    bool works = false;
    boost::asio::co_spawn(loop, exercise(works),
                          [&loop](const std::exception_ptr&) { loop.stop(); });
    loop.run();
    return works && plan_round_trip() ? 0 : 1;
  } catch (const std::exception&) {
    return 1;
  }
}

}  // namespace dboot
