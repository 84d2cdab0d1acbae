#pragma once

#include <string>
#include <vector>

#include "tests/machine/driver/files.hpp"
#include "tests/machine/driver/machine.hpp"
#include "tests/machine/driver/shell.hpp"

namespace dboot::machine {

/// The Debian host of tools/host-image, booted and with its engine running, in a machine of its
/// own. The programs under test are in /opt/dboot, which PATH holds.
class Host {
 public:
  /// Which console= comes last, and so is /dev/console.
  enum class Console { screen, serial };

  /// Takes the host from a saved state, which is made when there is none: one boot serves many
  /// tests. Its engine has the images busybox, bash and, on the serial console, systemd. `name`:
  /// see Machine::Options.
  explicit Host(Console console, const std::string& name = "");
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  ~Host() = default;

  Machine& machine() { return *machine_; }
  Serial& console() { return machine_->console(); }
  Qmp& qmp() { return machine_->qmp(); }
  /// A root shell on ttyS1, which is not the console.
  Shell& shell() { return *shell_; }
  Output run(std::string_view command, std::chrono::seconds timeout = 60s) {
    return shell_->run(command, timeout);
  }

  /// The file of its disk, a qcow2, for when the machine is off.
  std::string disk() const { return disk_.path(); }

  /// Runs fsck on the root of the host's disk, which must not be in use any more, and changes
  /// nothing. Status 0: clean.
  Output check_root() const;

 private:
  files::Scratch disk_;
  std::unique_ptr<Machine> machine_;
  std::unique_ptr<Shell> shell_;
};

/// Puts the programs under test into /opt/dboot and PATH.
void install_programs(Machine& machine, Shell& shell);

/// Until a shell on the console answers on ttyS1: one that is just starting loses what is typed
/// early. `type` types a line on that console. Throws TimedOut.
void await_shell(Machine& machine, const std::function<void(std::string_view)>& type);

/// After a takeover: the new system's console, where a command is a shell that reads, opens a shell
/// on ttyS1 for orders. `type` types a line on that console.
Shell open_shell(Machine& machine, const std::function<void(std::string_view)>& type);

}  // namespace dboot::machine
