#include "tools/dboot-log/sources.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <system_error>

#include "shared/plan/layout.hpp"
#include "shared/proc/fields.hpp"

namespace dboot::sources {
namespace {

namespace fs = std::filesystem;

struct Found {
  Source source;
  fs::file_time_type time = fs::file_time_type::min();
};

/// Files below a directory, however deep; none where there is no such directory.
std::vector<fs::path> files_below(const fs::path& directory) {
  std::vector<fs::path> files;
  std::error_code error;
  const auto options = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator entry(directory, options, error), end;
       !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_regular_file(ignored)) files.push_back(entry->path());
  }
  return files;
}

fs::file_time_type time_of(const fs::path& file) {
  std::error_code error;
  const auto time = fs::last_write_time(file, error);
  return error ? fs::file_time_type::min() : time;
}

/// "Panic#2 Part3" in the first line of a file in pstore: a dump's name, and which part of it. The
/// last lines of the log are in part 1.
struct Part {
  std::string dump;
  unsigned number = 0;
};
std::optional<Part> part_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string line(256, '\0');
  stream.read(line.data(), static_cast<std::streamsize>(line.size()));
  line.resize(static_cast<std::size_t>(stream.gcount()));
  line = line.substr(0, line.find('\n'));
  constexpr std::string_view word = " Part";
  const auto at = line.rfind(word);
  if (at == std::string::npos) return std::nullopt;
  const auto number = number_in<unsigned>(std::string_view(line).substr(at + word.size()));
  if (!number) return std::nullopt;
  return Part{line.substr(0, at), *number};
}

/// The parts of one dump may bear different times, and another machine start the same name.
std::vector<Found> in_pstore(const fs::path& directory) {
  std::map<std::string, std::vector<std::pair<unsigned, fs::path>>> dumps;
  std::vector<Found> found;
  for (const auto& file : files_below(directory)) {
    if (!file.filename().string().starts_with("dmesg")) continue;
    if (const auto part = part_of(file)) {
      dumps[file.parent_path().string() + '/' + part->dump].emplace_back(part->number, file);
    } else {
      found.push_back({{file.string(), {file.string()}}, time_of(file)});
    }
  }
  for (auto& [name, parts] : dumps) {
    std::sort(parts.begin(), parts.end(),
              [](const auto& a, const auto& b) { return a.first > b.first; });
    Found dump{{name, {}}};
    for (const auto& [number, file] : parts) {
      dump.source.files.push_back(file.string());
      dump.time = std::max(dump.time, time_of(file));
    }
    found.push_back(std::move(dump));
  }
  return found;
}

}  // namespace

Source of_this_system(const std::string& root) {
  const auto file = root + layout::payload_log;
  return {file, {file}};
}

std::vector<Source> of_previous_systems(const std::string& root) {
  std::vector<Found> found = in_pstore(root + "/sys/fs/pstore");
  for (auto& dump : in_pstore(root + "/var/lib/systemd/pstore")) found.push_back(std::move(dump));
  for (const auto& file : files_below(root + "/var/log/dboot")) {
    if (file.extension() == ".log")
      found.push_back({{file.string(), {file.string()}}, time_of(file)});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Found& a, const Found& b) { return a.time > b.time; });
  std::vector<Source> sources;
  for (auto& one : found) sources.push_back(std::move(one.source));
  return sources;
}

void read(const Source& source, const std::function<void(std::istream&)>& tell) {
  for (const auto& file : source.files) {
    if (file == "-") {
      tell(std::cin);
      continue;
    }
    std::error_code error;
    const bool is_directory = fs::is_directory(file, error);
    std::ifstream stream(file, std::ios::binary);
    if (is_directory) errno = EISDIR;
    if (!stream || is_directory)
      throw std::system_error(errno, std::generic_category(), "cannot read " + file);
    tell(stream);
  }
}

}  // namespace dboot::sources
