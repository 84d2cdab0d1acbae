#pragma once

#include <string>

/// Files of the machine tests: what they start from, and what they leave behind.
namespace dboot::machine::files {

/// The disk, kernel and initramfs of the host, and the images: see tools/machine-files.
std::string host(const std::string& name);
std::string image(const std::string& name);
/// A file of something else that was made for these tests: "workstation", "disk".
std::string made(const std::string& what, const std::string& name);
/// Where the programs under test are.
std::string program(const std::string& name);
/// Room for what is slow to make and serves several tests.
std::string cache(const std::string& name);
/// A file of the running test that is kept: transcripts and screenshots.
std::string artefact(const std::string& name);

/// A file that goes when the object does.
class Scratch {
 public:
  explicit Scratch(std::string path) : path_(std::move(path)) {}
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace dboot::machine::files
