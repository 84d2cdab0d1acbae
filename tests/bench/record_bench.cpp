/// What the record costs: with everything into all sinks a takeover takes at most 1.05 times what
/// it takes when errors alone are shown. In rehearsals with a thousand processes, and on emulated
/// machines; tools/bench runs it.

#include <string>

#include "tests/bench/log_time.hpp"
#include "tests/bench/race.hpp"
#include "tests/machine/driver/host.hpp"
#include "tests/machine/driver/small_host.hpp"
#include "tests/support/busybox_image.hpp"
#include "tests/support/run.hpp"
#include "tests/support/temporary_directory.hpp"

namespace dboot::bench {
namespace {

constexpr double most = 1.05;

/// The payload's, from its first phase to the start of the command and, with as many processes, its
/// end.
double rehearse(const TemporaryDirectory& directory, const std::string& options) {
  const std::string record = directory / "record";
  dboot::run({"/bin/sh", "-c", "exec \"$@\" 2>/dev/null </dev/null", "sh", "/bin/sh", "-c",
              DBOOT_INJECT " --rehearse --grace 600 --save-log " + record + ' ' + options + ' ' +
                  (directory / "image.tar").string() +
                  " -- /bin/sh -c 'i=0; while [ $i -lt 1000 ]; do sleep 1000 & i=$((i+1)); done;"
                  " kill -TERM 1; wait'"});
  const std::string text = read_text(record);
  return time_of(text, "hand-over starting") - time_of(text, "wake started") +
         time_of(text, "power processes asked to end") - time_of(text, "power the system ends");
}

/// From the first line of the payload to the start of the command.
double take_over(const std::string& options) {
  machine::SmallHost host({.root = "disk"});
  host.shell().output_of(
      "mkdir -p /var/log; i=0; while [ $i -lt 50 ]; do sleep 1000 & i=$((i+1)); done");
  host.take_over(options, "sh");
  host.console().expect("^/ # ", std::chrono::seconds(60));
  host.console().send_line("cat /run/dboot/payload.log; echo e''nd");
  const std::string text = host.console().expect("^end$");
  return time_of(text, "hand-over starting") - time_of(text, "wake started");
}

/// The same of a Debian host with its services.
double take_over_debian(const std::string& options) {
  machine::Host host(machine::Host::Console::serial);
  host.shell().start("dboot-inject --yes " + options + " busybox -- /bin/sh");
  host.console().expect("^/ # ", std::chrono::seconds(180));
  host.console().send_line("cat /run/dboot/payload.log; echo e''nd");
  const std::string text = host.console().expect("^end$");
  return time_of(text, "hand-over starting") - time_of(text, "wake started");
}

int main() {
  const TemporaryDirectory directory;
  write_text(directory / "image.tar", busybox_image());
  const Race in_namespaces{
      "a rehearsal with a thousand processes",
      {"everything, everywhere",
       [&] {
         return rehearse(directory, "--log-level debug --log-to /copy --log-to udp:127.0.0.1:9");
       }},
      {"errors", [&] { return rehearse(directory, "--log-level error"); }},
      most};
  const Race on_machines{
      "a takeover of an emulated machine",
      {"everything, everywhere", [] { return take_over("--log-level debug --log-to /copy"); }},
      {"errors, not on the disk", [] { return take_over("--log-level error --no-disk-log"); }},
      most};
  const Race without_terminals{
      "the same, with nothing on the terminals",
      {"everything, in files", [] { return take_over("--log-level error --log-to /copy"); }},
      {"errors, not on the disk", [] { return take_over("--log-level error --no-disk-log"); }},
      most};
  const Race on_debian{"a takeover of an emulated Debian host",
                       {"everything, everywhere",
                        [] { return take_over_debian("--log-level debug --log-to /copy"); }},
                       {"errors, not on the disk",
                        [] { return take_over_debian("--log-level error --no-disk-log"); }},
                       most};
  bool kept = true;
  for (const auto* race : {&in_namespaces, &on_machines, &without_terminals, &on_debian})
    kept = run(*race) && kept;
  return kept ? 0 : 1;
}

}  // namespace
}  // namespace dboot::bench

int main() {
  return dboot::bench::main();
}
