#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/machine/driver/files.hpp"
#include "tests/machine/driver/machine.hpp"
#include "tests/machine/driver/shell.hpp"

namespace dboot::machine {

/// Comes behind the last words of a command that are to be seen: the kernel drops what a serial
/// line has not sent yet when the leader of its session ends, and this waits for it (TCSADRAIN).
constexpr const char* until_it_is_sent = "; busybox stty sane";

/// The machine of tools/small-host, booted: busybox's init and a shell. The programs under test are
/// in PATH, /opt/busybox.tar is an image.
class SmallHost {
 public:
  struct Options {
    std::string root = "tmpfs";  ///< or disk, rootfs, installed
    std::string disk{};          ///< an image for /dev/vda, written to; else an empty one
    std::string second_disk{};   ///< the same for /dev/vdb; else none
    unsigned memory_mib = 512;
    std::string command_line{};          ///< more of the kernel's
    std::vector<std::string> devices{};  ///< see Machine::Options
    std::vector<std::string> files{};    ///< more of them, for /opt
    Machine::Time time = Machine::Time::passes;
    std::string pstore{};  ///< see Machine::Options; made where it is missing
    std::string state{};   ///< file that save_state wrote, of the same options: resumes there
  };

  SmallHost() : SmallHost(Options()) {}
  explicit SmallHost(const Options& options);
  SmallHost(const SmallHost&) = delete;
  SmallHost& operator=(const SmallHost&) = delete;
  ~SmallHost() = default;

  /// Ends it; others can begin where it was. What it has written to its disk is lost.
  void save_state(const std::string& file) { machine_->save_state(file); }

  Machine& machine() { return *machine_; }
  Serial& console() { return machine_->console(); }
  /// A root shell on ttyS1, which is not the console.
  Shell& shell() { return *shell_; }
  /// Gives the order, with the image and the command, and does not wait: nobody is there any more
  /// who could answer.
  void take_over(const std::string& options, const std::string& command) {
    shell_->start("dboot-inject --yes " + options + " /opt/busybox.tar " + command);
  }
  /// What is in a file of the ext2 or ext4 that is /dev/vda. Throws std::runtime_error unless the
  /// filesystem is clean. To be called when the machine is off.
  std::string file_on_disk(const std::string& path) const;

 private:
  files::Scratch disk_;  ///< where none is given
  files::Scratch initramfs_;
  std::unique_ptr<Machine> machine_;
  std::unique_ptr<Shell> shell_;
};

}  // namespace dboot::machine
