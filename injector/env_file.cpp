#include "injector/env_file.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <system_error>

#include "injector/failure.hpp"
#include "injector/stream/file_stream.hpp"
#include "shared/system/unique_fd.hpp"

namespace dboot::env_file {
namespace {

constexpr const char* mend = "write NAME=VALUE, or NAME, in each line";
constexpr const char* mend_of_file = "name a file with NAME=VALUE a line";
constexpr std::string_view blanks = " \t";

std::string_view without_leading_blanks(std::string_view line) {
  return line.substr(std::min(line.find_first_not_of(blanks), line.size()));
}

}  // namespace

std::vector<std::string> parse(const std::string& text, const std::string& file) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  std::vector<std::string> variables;
  std::string_view rest = text;
  if (rest.starts_with(byte_order_mark)) rest.remove_prefix(byte_order_mark.size());
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const auto end = std::min(rest.find('\n'), rest.size());
    auto line = without_leading_blanks(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    const auto where = "--env-file " + file + ", line " + std::to_string(number) + ": ";
    const auto name = std::string(line.substr(0, line.find('=')));
    if (line.find('\0') != std::string_view::npos)
      throw Failure(where + "it contains a NUL byte", mend);
    if (name.empty()) throw Failure(where + "the variable has no name", mend);
    if (name.find_first_of(blanks) != std::string::npos)
      throw Failure(where + "the name '" + name + "' contains a blank", mend);
    if (name.size() < line.size() || std::getenv(name.c_str()) != nullptr)
      variables.emplace_back(line);
  }
  return variables;
}

std::vector<std::string> read(const std::string& file) {
  constexpr std::size_t most = std::size_t{1} << 20U;  // more than execve(2) takes
  UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd)
    throw Failure("cannot open --env-file " + file + ": " + std::generic_category().message(errno),
                  mend_of_file);
  std::string text;
  try {
    const auto stream = file_stream(std::move(fd), file);
    for (auto bytes = stream->next(); !bytes.empty() && text.size() <= most; bytes = stream->next())
      text.append(bytes.data(), bytes.size());
  } catch (const std::system_error& error) {
    throw Failure("cannot read --env-file " + file + ": " + error.code().message(), mend_of_file);
  }
  if (text.size() > most)
    throw Failure("--env-file " + file + " has more than 1 MiB", mend_of_file);
  return parse(text, file);
}

}  // namespace dboot::env_file
