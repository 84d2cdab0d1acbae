#include "payload/plan_file.hpp"

#include <fcntl.h>

#include "shared/system/syscalls.hpp"

namespace dboot::plan_file {

Plan read(const std::string& path) {
  return read_at(AT_FDCWD, path);
}

Plan read_at(int directory, const std::string& path) {
  const std::string file = sys::read_file_at(directory, path);
  return plan::decode({reinterpret_cast<const std::uint8_t*>(file.data()), file.size()});
}

}  // namespace dboot::plan_file
