// A static program for --hook.
#include <cstdio>
#include <cstdlib>

int main() {
  const char* at = std::getenv("DBOOT_HOOK");
  std::printf("a program says %s\n", at == nullptr ? "nothing" : at);
}
