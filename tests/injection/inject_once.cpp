// inject-once PID PATH: makes the init of a namespace below execute PATH, once, so that a test can
// kill whoever does it. Ends with 0 when PATH was executed, 1 when that is not known, 125 when it
// was not. When orphaned, what is left of it writes "undone".
#include <unistd.h>

#include <chrono>
#include <iostream>
#include <string>

#include "injector/failure.hpp"
#include "injector/inject/injection.hpp"
#include "injector/report.hpp"
#include "shared/log/log.hpp"

int main(int argc, char** argv) {
  using namespace dboot;
  if (argc < 3) return 2;
  report::begin(log::Level::warning);
  const auto undo = [] {
    [[maybe_unused]] const ssize_t said = ::write(STDOUT_FILENO, "undone", 6);
  };
  try {
    const Target target = Target::init_of_namespace(std::stoi(argv[1]));
    const std::chrono::milliseconds deadline(argc > 3 ? std::stoi(argv[3]) : 20000);
    const auto outcome = inject::execute(target, {argv[2], {"program"}, {}}, deadline, {{}, undo});
    return outcome == inject::Outcome::executed ? 0 : 1;
  } catch (const Failure& failure) {
    std::cerr << failure.what() << "\n";
    return failure.status();
  }
}
