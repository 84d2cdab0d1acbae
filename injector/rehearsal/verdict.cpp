#include "injector/rehearsal/verdict.hpp"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include <optional>
#include <string>

#include "injector/report.hpp"
#include "injector/way_back.hpp"

namespace dboot {
namespace {

using namespace way_back;

std::string describe(int status) {
  if (WIFSIGNALED(status)) return std::string("SIG") + ::sigabbrev_np(WTERMSIG(status));
  return "exit status " + std::to_string(WEXITSTATUS(status));
}

std::string after_the_end(std::string_view by) {
  if (by == "reboot") return std::string(into_the_old);
  if (by == "poweroff") return "is switched off";
  return by == "halt" ? "stands still" : "is switched off, or stands still";
}

void report_reboot(std::string_view by, const PayloadLog& log) {
  report::info("the rehearsed system ends",
               {{"by", by},
                {"command", log.had_command() ? "was started" : "was not started"},
                {"a_machine", after_the_end(by)}});
}

}  // namespace

void report_verdict(int status, const PayloadLog& log, const Plan& plan, bool is_saved) {
  // Nobody else can end the init of a namespace by these (reboot(2)).
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP) return report_reboot("reboot", log);
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGINT)
    return report_reboot("poweroff or halt", log);
  if (WIFEXITED(status) && !log.end_of_system().empty())
    return report_reboot(log.end_of_system(), log);
  const auto& said = log.last();
  const std::string last = said && WIFEXITED(status) ? said->message : "";
  if (last == "the command has ended") {
    // A supervisor's exit status is 128 and the number for a signal.
    const auto told = said ? said->fact("how") : std::nullopt;
    const std::string how = told ? std::string(*told) : describe(status);
    report::info("the rehearsed command has ended",
                 {{"how", how}, {"a_machine", after_the_command(plan.on_exit)}});
    return;
  }
  if (last == "the takeover has failed" || last == "the command cannot be started") {
    report::warning("the rehearsed takeover has failed",
                    {{"how", describe(status)}, {"a_machine", after_a_failure(plan.on_failure)}});
  } else {
    report::warning("PID 1 has ended, which it must not: the kernel of a machine panics",
                    {{"how", describe(status)},
                     {"a_machine", std::string(into_the_old) + " after ten seconds"}});
  }
  if (!is_saved) report::info("--save-log FILE keeps the record of a rehearsal");
}

}  // namespace dboot
