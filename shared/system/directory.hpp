#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dboot {

struct DirectoryEntry {
  std::string name;
  unsigned char type;  ///< DT_DIR, …; DT_UNKNOWN where the filesystem does not say (readdir(3))
};

/// What is in the directory that is open as `directory`, but not "." and "..". `shown` names it in
/// errors. Throws std::system_error.
std::vector<DirectoryEntry> entries_of(int directory, std::string_view shown);

}  // namespace dboot
