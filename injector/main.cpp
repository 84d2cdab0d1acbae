#include <exception>
#include <iostream>

#include "injector/failure.hpp"
#include "injector/options.hpp"
#include "injector/report.hpp"
#include "injector/takeover.hpp"
#include "injector/terminal.hpp"

using namespace dboot;

int main(int argc, char** argv) {
  terminal::occupy_standard_streams();
  try {
    const Options options = options::parse(argc, argv);
    report::to_terminal(options.log_level);
    return takeover::run(options);
  } catch (const options::Answer& answer) {
    (answer.status == 0 ? std::cout : std::cerr) << answer.what() << '\n';
    return answer.status;
  } catch (const Failure& failure) {
    report::error(failure.what());
    if (!failure.mend().empty()) report::info("to mend it: " + failure.mend());
    return failure.status();
  } catch (const std::exception& error) {
    report::error(error.what());
    return exit_status::failed;
  }
}
