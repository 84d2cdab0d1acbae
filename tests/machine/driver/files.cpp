#include "tests/machine/driver/files.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

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

Scratch::~Scratch() {
  ::unlink(path_.c_str());
}

}  // namespace dboot::machine::files
