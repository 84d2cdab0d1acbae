#include "payload/release/releaser.hpp"

#include <gmock/gmock.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>

namespace dboot {
namespace {

/// Lets go of one thing in each round in which `can` says so.
class Holder final : public Releaser {
 public:
  Holder(std::string& order, char name, std::size_t held, std::function<bool()> can)
      : order_(order), name_(name), held_(held), can_(std::move(can)) {}

  std::string_view name() const noexcept override { return {&name_, 1}; }
  Task<std::size_t> release(Round) override {
    order_ += name_;
    if (held_ == 0 || !can_()) co_return 0;
    --held_;
    co_return 1;
  }
  std::size_t held() const { return held_; }

 private:
  std::string& order_;
  char name_;
  std::size_t held_;
  std::function<bool()> can_;
};

void run(Releasers releasers) {
  Log log;
  boost::asio::io_context loop(1);
  boost::asio::co_spawn(loop, release_in_rounds(log, releasers), boost::asio::detached);
  loop.run();
}

TEST(Releasers, WhatCannotGoYetIsTriedAgainUntilAWholeRoundAchievesNothing) {
  std::string order;
  Holder mounts(order, 'm', 1, [] { return true; });
  // There is memory for it only without the tmpfs.
  Holder swap(order, 's', 1, [&] { return mounts.held() == 0; });
  const std::array<Releaser*, 2> all{&swap, &mounts};
  run(all);
  EXPECT_EQ(swap.held(), 0U);
  EXPECT_EQ(order,
            "sm"
            "sm"
            "sm");
}

TEST(Releasers, WhatNeverGoesEndsTheRounds) {
  std::string order;
  Holder stuck(order, 'x', 1, [] { return false; });
  const std::array<Releaser*, 1> all{&stuck};
  run(all);
  EXPECT_EQ(order, "x");
}

}  // namespace
}  // namespace dboot
