#include "tools/dboot-log/sources.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <system_error>
#include <tuple>
#include <utility>

#include "shared/plan/layout.hpp"
#include "shared/proc/fields.hpp"

namespace dboot::sources {
namespace {

namespace fs = std::filesystem;

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

/// Of its last change, as a record has times of the day; empty where that is not known.
std::string time_of(const std::string& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return "";
  std::array<char, 32> text{};
  std::tm parts{};
  if (::gmtime_r(&status.st_mtime, &parts) == nullptr) return "";
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
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

/// Of one dump, the end of the log first.
struct Piece {
  std::string time;
  unsigned number = 0;
  std::string file;
};

/// The first dump after each start of the machine has the same name, and what is written first of
/// it is part 1: where the numbers begin anew, another dump does.
std::vector<Source> dumps_of(std::vector<Piece> pieces) {
  std::sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) {
    return std::tie(a.time, a.number) < std::tie(b.time, b.number);
  });
  std::vector<Source> dumps;
  unsigned last = 0;
  for (auto& piece : pieces) {
    if (dumps.empty() || piece.number <= last) dumps.emplace_back().name = piece.file;
    last = piece.number;
    auto& dump = dumps.back();
    dump.time = piece.time;
    dump.files.insert(dump.files.begin(), std::move(piece.file));
  }
  for (auto& dump : dumps)
    if (dump.files.size() > 1) dump.name += " and its other parts";
  return dumps;
}

std::vector<Source> in_pstore(const fs::path& directory) {
  std::map<std::string, std::vector<Piece>> dumps;
  std::vector<Source> found;
  for (const auto& file : files_below(directory)) {
    const auto name = file.filename().string();
    if (!name.starts_with("dmesg")) continue;
    // systemd-pstore keeps the parts, and puts them together as well.
    std::error_code ignored;
    const bool is_whole = name == "dmesg.txt";
    if (!is_whole && fs::exists(file.parent_path() / "dmesg.txt", ignored)) continue;
    const auto part = is_whole ? std::nullopt : part_of(file);
    const auto time = time_of(file.string());
    if (part) {
      dumps[file.parent_path().string() + '/' + part->dump].push_back(
          {time, part->number, file.string()});
    } else {
      found.push_back({file.string(), {file.string()}, time});
    }
  }
  for (auto& [name, pieces] : dumps) {
    for (auto& dump : dumps_of(std::move(pieces))) found.push_back(std::move(dump));
  }
  return found;
}

/// For which a stream would be at its end at once.
int error_of_standard_input() {
  struct stat status {};
  if (::fstat(STDIN_FILENO, &status) < 0) return errno;
  return S_ISDIR(status.st_mode) ? EISDIR : 0;
}

}  // namespace

Source of_this_system(const std::string& root) {
  const auto file = root + layout::payload_log;
  return {file, {file}, {}};
}

std::vector<Source> of_previous_systems(const std::string& root) {
  std::vector<Source> found = in_pstore(root + "/sys/fs/pstore");
  for (auto& dump : in_pstore(root + "/var/lib/systemd/pstore")) found.push_back(std::move(dump));
  for (const auto& file : files_below(root + "/var/log/dboot")) {
    if (file.extension() == ".log")
      found.push_back({file.string(), {file.string()}, time_of(file.string())});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Source& a, const Source& b) { return a.time > b.time; });
  return found;
}

void read(const Source& source, const std::function<void(std::istream&)>& tell) {
  for (const auto& file : source.files) {
    if (file == "-") {
      if (const int error = error_of_standard_input(); error != 0)
        throw std::system_error(error, std::generic_category(), "cannot read standard input");
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
