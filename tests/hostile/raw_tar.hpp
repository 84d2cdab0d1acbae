#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dboot::hostile {

/// An entry as it is written, whatever a well-meaning library would say to it.
struct Entry {
  std::string name;
  char type = '0';  ///< typeflag of ustar
  std::string content = {};
  std::string link = {};
  unsigned mode = 0644;
  std::optional<std::string> size_field =
      {};  ///< instead of the content's size, as it stands there
  unsigned device_major = 0;
  unsigned device_minor = 0;
};

/// A tar archive, byte by byte.
class RawTar {
 public:
  using Records = std::vector<std::pair<std::string, std::string>>;

  RawTar& add(const Entry& entry);
  /// An extended header for the next entry. The values may contain anything.
  RawTar& pax(const Records& records);
  RawTar& bytes(const std::string& raw);

  RawTar& file(const std::string& name, const std::string& content = "x", unsigned mode = 0644);
  RawTar& directory(const std::string& name, unsigned mode = 0755);
  RawTar& symlink(const std::string& name, const std::string& target);
  RawTar& hardlink(const std::string& name, const std::string& target);
  RawTar& fifo(const std::string& name);
  RawTar& character_device(const std::string& name, unsigned major, unsigned minor);

  /// With the two empty blocks at the end.
  std::string finish() const;
  /// Without them.
  const std::string& unfinished() const { return bytes_; }

 private:
  std::string bytes_;
};

/// A root filesystem that could be started: /sbin/init is the smallest program.
RawTar system();
/// A static program of 184 bytes.
std::string smallest_program();

}  // namespace dboot::hostile
