#include <string_view>

#include "payload/attach/client.hpp"
#include "payload/guardian/client.hpp"
#include "payload/payload.hpp"

int main(int argc, char** argv) {
  // By a link: whoever logs in to a system that was taken over has no other program of dboot's.
  const std::string_view path = argc > 0 ? argv[0] : "";
  const auto name = path.substr(path.rfind('/') + 1);
  if (name == dboot::attach::client_name) return dboot::attach::run_client(argc, argv);
  if (name == dboot::guardian::client_name) return dboot::guardian::run_client(argc, argv);
  return dboot::run_payload(argc, argv,
                            {"dboot-init", DBOOT_VERSION, dboot::Sequence::of_dboot_init()});
}
