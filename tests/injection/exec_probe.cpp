// What the tests make PID 1 execute: tells the FIFO argv[1] how it was started, then waits.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <string>

int main(int argc, char** argv) {
  sigset_t blocked;
  ::sigprocmask(SIG_BLOCK, nullptr, &blocked);
  std::string report = "pid " + std::to_string(::getpid()) + "\n";
  report += "blocked " + std::to_string(sigismember(&blocked, SIGUSR2)) + "\n";
  for (int i = 0; i < argc; ++i) report += std::string("argument ") + argv[i] + "\n";
  for (char** entry = environ; *entry != nullptr; ++entry)
    report += std::string("environment ") + *entry + "\n";
  if (argc > 1) {
    const int fifo = ::open(argv[1], O_WRONLY | O_CLOEXEC);
    [[maybe_unused]] const ssize_t written = ::write(fifo, report.data(), report.size());
    ::close(fifo);
  }
  for (;;) ::pause();
}
