#include "tests/machine/driver/files.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "shared/system/syscalls.hpp"

namespace dboot::machine::files {
namespace {

/// The directory of that name in the build tree, made when missing.
std::string room(const std::string& name) {
  const auto path = std::filesystem::path(DBOOT_BUILD_DIR) / name;
  std::filesystem::create_directories(path);
  return path.string();
}

std::string name_of_running_test() {
  const auto* const test = testing::UnitTest::GetInstance()->current_test_info();
  if (test == nullptr) return "program";
  std::string name = std::string(test->test_suite_name()) + "." + test->name();
  std::replace(name.begin(), name.end(), '/', '-');
  return name;
}

}  // namespace

std::string host(const std::string& name) {
  return made("host", name);
}

std::string image(const std::string& name) {
  return made(name, "root.tar");
}

std::string made(const std::string& what, const std::string& name) {
  return std::string(DBOOT_BUILD_DIR) + "/machine/" + what + "/" + name;
}

std::string program(const std::string& name) {
  return std::string(DBOOT_BUILD_DIR) + "/bin/" + name;
}

std::string cache(const std::string& name) {
  return room("machine") + "/" + name;
}

std::string artefact(const std::string& name) {
  return room("artefacts/" + name_of_running_test()) + "/" + name;
}

void copy_sparse(const std::string& from, const std::string& to) {
  const UniqueFd source = sys::open(from, O_RDONLY);
  const UniqueFd target = sys::open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  struct stat status {};
  sys::check(::fstat(source.get(), &status), "stat ", from);
  sys::check(::ftruncate(target.get(), status.st_size), "resize ", to);
  off_t begin = 0;
  while ((begin = ::lseek(source.get(), begin, SEEK_DATA)) >= 0) {
    const off_t end = sys::check(::lseek(source.get(), begin, SEEK_HOLE), "seek in ", from);
    off_t written = begin;
    while (begin < end) {
      const auto size = static_cast<std::size_t>(end - begin);
      if (sys::check(::copy_file_range(source.get(), &begin, target.get(), &written, size, 0),
                     "copy ", from) == 0)
        break;
    }
  }
}

Scratch::~Scratch() {
  ::unlink(path_.c_str());
}

}  // namespace dboot::machine::files
