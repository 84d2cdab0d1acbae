#include <unistd.h>

#include <cstdio>

int main() {
  if (::getpid() != 1) {
    std::fputs("dboot-init: not PID 1\n", stderr);
    return 1;
  }
}
