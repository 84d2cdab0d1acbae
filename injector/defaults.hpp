#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

/// What a machine's owner has set for the options that a command line leaves out, in a file.
namespace dboot::defaults {

inline constexpr const char* path = "/etc/dboot/config.toml";

/// The content of the file; empty where there is none. Throws Failure for a file that others than
/// root may write to, and for one that cannot be read.
std::string read(const std::string& file);

/// What `text` sets, as words of a command line: "--grace=5s", "--renew". `app` has declared the
/// options; whether a value is right is left to its parser. Throws Failure that names `file`, for
/// what is no option and for those that only a command line may have, such as yes.
std::vector<std::string> words_of(const std::string& text, const std::string& file,
                                  const CLI::App& app);

/// Those of `words` that the command line, which `given` has parsed, leaves open: it has neither
/// the same option nor one that excludes it. Options that are repeatable add up.
std::vector<std::string> left_open(const std::vector<std::string>& words, const CLI::App& given);

}  // namespace dboot::defaults
