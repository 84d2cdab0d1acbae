#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "injector/staging.hpp"
#include "shared/plan/plan.hpp"
#include "shared/system/unique_fd.hpp"

/// Programs that somebody puts in between two phases of the payload.
namespace dboot::hooks {

/// As the command line has it: "before:release=FILE", and "!" behind it where it must succeed.
struct Wanted {
  Place at;
  std::string file;
  bool must_succeed = false;
};

/// Throws Failure.
Wanted parse(std::string_view text);

/// Files of the host, opened: whoever enters another mount namespace later still reads the same.
class Hooks {
 public:
  /// `busybox`: one that is static; where it is empty and one is needed, the host's. Throws Failure
  /// when a file is neither a static program for this machine nor a script, and when there is no
  /// shell for a script. `shell_is_wanted`: a busybox of the host's is taken along in any case.
  Hooks(const std::vector<Wanted>& wanted, const std::string& busybox, bool shell_is_wanted);

  /// The one that is taken along; empty for none.
  const std::string& busybox() const noexcept { return busybox_path_; }

  /// That they take of the memory.
  std::uint64_t bytes() const noexcept;

  /// Copies them to their places, and returns what the plan says of them. Before the pivot scripts
  /// are run by the busybox; afterwards by what their first line names, in the filled root or, for
  /// a shell that is not there, by the busybox. Throws Failure.
  std::vector<Hook> stage(const Staging& staging) const;

 private:
  struct File {
    Wanted wanted;
    UniqueFd fd;
    std::uint64_t size = 0;
    std::vector<std::string> interpreter;  ///< with its argument; empty for a program
  };
  static File open(const Wanted& wanted);
  void take_own_busybox();
  void open_busybox(const std::string& path);
  std::vector<std::string> interpreter_for(const File& file, int root) const;

  std::vector<File> files_;
  UniqueFd busybox_;
  std::string busybox_path_;
  std::uint64_t busybox_size_ = 0;
};

}  // namespace dboot::hooks
