#include "payload/payload.hpp"

int main(int argc, char** argv) {
  return dboot::run_payload(argc, argv,
                            {"dboot-init", DBOOT_VERSION, dboot::Sequence::of_dboot_init()});
}
