#include <string_view>

#include "payload/attach/client.hpp"
#include "payload/payload.hpp"

int main(int argc, char** argv) {
  // By a link: whoever logs in to a system that was taken over has no other program of dboot's.
  const std::string_view name = argc > 0 ? argv[0] : "";
  if (name.substr(name.rfind('/') + 1) == dboot::attach::client_name)
    return dboot::attach::run_client(argc, argv);
  return dboot::run_payload(argc, argv,
                            {"dboot-init", DBOOT_VERSION, dboot::Sequence::of_dboot_init()});
}
