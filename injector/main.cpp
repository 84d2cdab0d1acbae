#include <fcntl.h>

#include <cerrno>
#include <exception>
#include <iostream>
#include <system_error>

#include "injector/defaults.hpp"
#include "injector/doctor/doctor.hpp"
#include "injector/error_json.hpp"
#include "injector/failure.hpp"
#include "injector/options.hpp"
#include "injector/report.hpp"
#include "injector/takeover.hpp"
#include "shared/command_line/parse.hpp"
#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"
#include "shared/terminal/terminal.hpp"

using namespace dboot;

namespace {

/// The exit status; why there is no takeover has been reported then.
template <class Work>
int reporting_failures(const Options& options, Work work) {
  const auto report_as_json = [&](const Failure& failure) {
    if (options.json)
      std::cout << error_json(failure.what(), failure.mend(), failure.status()) << std::flush;
    return failure.status();
  };
  try {
    return work();
  } catch (const Failure& failure) {
    report::failure(failure);
    return report_as_json(failure);
  } catch (const std::exception& error) {
    report::error(error.what());
    return report_as_json(Failure(error.what(), ""));
  }
}

/// A rehearsal whose record is kept, however it ends. The file is opened first, as long as the
/// host's own files can be seen.
int run_and_save_log(const Options& options) {
  constexpr int flags = O_WRONLY | O_CREAT | O_TRUNC;
  UniqueFd file(::open(options.save_log.c_str(), flags | O_CLOEXEC, 0600));
  if (!file) {
    throw Failure("cannot write to --save-log " + options.save_log + ": " +
                      std::generic_category().message(errno),
                  "name a file that can be made, in a directory that is there");
  }
  report::copy_record_to(std::move(file));
  const int status = reporting_failures(options, [&] { return takeover::run(options); });
  report::update_copy();
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  terminal::occupy_standard_streams();
  try {
    const Options options = options::parse(argc, argv, defaults::path);
    report::begin(options.log_level);
    if (!options.defaults.empty())
      report::info("options are set by a file",
                   {{"file", defaults::path}, {"options", joined(options.defaults, " ")}});
    return reporting_failures(options, [&] {
      if (options.doctor) return doctor::run(options);
      return options.save_log.empty() ? takeover::run(options) : run_and_save_log(options);
    });
  } catch (const options::Answer& answer) {
    const auto* const mistake = dynamic_cast<const options::Mistake*>(&answer);
    if (mistake != nullptr && mistake->as_json)
      std::cout << error_json(mistake->cause, mistake->mend, mistake->status);
    (answer.status == 0 ? std::cout : std::cerr) << answer.what() << std::endl;
    if (command_line::flush_output()) return answer.status;
    std::cerr << "dboot-inject: error: " << command_line::no_output
              << "\ndboot-inject: to mend it: " << command_line::mend_of_no_output << '\n';
    return exit_status::failed;
  }
}
