#include "tests/unit/dboot_log_sample.hpp"

#include <sstream>

namespace dboot::sample {

std::string takeover() {
  return R"([0.000010] info preflight record begins format=1 time=2026-11-27T10:00:00Z program=dboot-inject version=0.1.0
[0.000020] debug preflight asked for what="take over" image=debian force=no
[0.100000] info image started line=3
[4.100000] info image the new root is filled bytes=100 duration=4000.0ms
[4.200000] info inject started line=5
[4.290000] debug wake call name=write about=x result=ok
[4.300000] info wake started line=7
[4.300100] info inject PID 1 has executed the payload stood_still=9.5ms
[4.300200] info wake payload program=dboot-init scope=machine
[4.310000] info wake finished duration=10.0ms
[4.400000] info terminate started line=11
[4.410000] debug terminate gone pid=20 command=cron after=8.0ms killed=no
[5.400000] info terminate still waiting what="the end of a process" for=1000.0ms pid=30 command=stuck
[14.400000] warning terminate killed: not ended within the grace period pid=30 command=stuck
[14.405000] debug terminate gone pid=30 command=stuck after=10000.0ms killed="the grace period is over"
[14.410000] info terminate finished duration=10010.0ms
[14.420000] info release started line=17
[14.430000] debug release call name=pivot_root about=/run/dboot/root result=ok
[14.440000] debug release call name=umount2 about=/run/.old-root/srv result=ok type=ext4 rounds=1
[14.441000] debug release call name=umount2 about=/ result="Device or resource busy" type=ext4 rounds=1
[14.500000] warning release still busy, detached mount=/ type=ext4 source=/dev/vda1 held_by="pid 7" result=ok
[14.510000] error release still busy device=/dev/vda1 was="ext4 on /" held_by=bcache0 reason=EBUSY to_end_it="echo 1 >/stop"
[14.520000] info release finished duration=100.0ms
[14.530000] info hand-over started line=24
[14.531000] info hand-over starting executable=/sbin/init as=exec
[14.540000] info hand-over finished duration=10.0ms
[14.550000] info start started line=27
)";
}

reader::Counts tell(const std::string& text, Teller& teller) {
  std::istringstream stream(text);
  return reader::read(stream, [&](const log::Record& record) { teller.tell(record); });
}

Account account_of(const std::string& text) {
  Teller teller;
  tell(text, teller);
  const auto account = teller.finish();
  return account ? *account : Account{};
}

Account of_the_takeover() {
  return account_of(takeover());
}

std::string replaced(std::string text, const std::string& old, const std::string& by) {
  for (auto at = text.find(old); at != std::string::npos; at = text.find(old, at + by.size()))
    text.replace(at, old.size(), by);
  return text;
}

}  // namespace dboot::sample
