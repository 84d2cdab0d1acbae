#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/machine/driver/child.hpp"
#include "tests/machine/driver/loop.hpp"
#include "tests/machine/driver/qmp.hpp"
#include "tests/machine/driver/serial.hpp"

namespace dboot::machine {

/// A PC in QEMU, emulated (TCG), with a VGA screen, a keyboard and two serial lines. A kernel panic
/// makes every wait fail at once, unless it is expected. A reset ends it, as `poweroff` does.
class Machine {
 public:
  /// While all processors wait, time passes, or is skipped to the next event: ten minutes are over
  /// at once.
  enum class Time { passes, is_skipped };
  struct Options {
    std::string kernel;
    std::string initramfs;
    std::string command_line;
    std::string disk;         ///< raw or qcow2, /dev/vda; written to; empty for none
    std::string second_disk;  ///< raw or qcow2, /dev/vdb; written to; empty for none
    std::string state;        ///< file that save_state wrote: resumes there; empty: boots
    unsigned memory_mib = 2048;
    Time time = Time::passes;
    std::vector<std::string> devices;  ///< more of them, as QEMU's -device has it
    std::string name;    ///< what its artefacts begin with, where there is more than one machine
    std::string pstore;  ///< file of 64 KiB that is memory which outlives a reset (ACPI ERST)
  };

  explicit Machine(const Options& options);
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  ~Machine() = default;

  Serial& console() { return *console_; }  ///< ttyS0
  Serial& line() { return *line_; }        ///< ttyS1
  Qmp& qmp() { return *qmp_; }
  Loop& loop() { return loop_; }

  /// From here on a kernel panic is what is to happen.
  void expect_panic() { panic_is_expected_ = true; }
  /// Waits for the machine to go off. QEMU's word for why: "guest-shutdown" for a power off,
  /// "guest-reset" for a reboot.
  std::string wait_for_end(std::chrono::seconds timeout = 60s);
  /// Stops the machine, writes its state to a file and ends it; its disk belongs to the state.
  void save_state(const std::string& file);
  enum class Access { read_only, read_write };
  /// Adds a disk that appears as /dev/disk/by-id/virtio-NAME. `file` is raw or qcow2.
  void plug_in(const std::string& name, const std::string& file, Access access = Access::read_only);
  void pull_out(const std::string& name);
  /// Adds a device of PCI, as QEMU calls it: "i6300esb", a watchdog.
  void plug_in_device(const std::string& driver);
  /// Adds a network card on QEMU's own network, from which nothing leads out: a DHCP server gives
  /// it 10.0.2.15/24, and no gateway.
  void plug_in_network();
  /// The same without IPv6, and with a way in: TCP connections to the port of 127.0.0.1 that it
  /// returns arrive at `port` of 10.0.2.15, from 10.0.2.2.
  std::uint16_t plug_in_network_with_way_in(std::uint16_t port);
  /// Which of the two ends of a wire is there first.
  enum class Side { listens, connects };
  /// Adds a network card whose wire leads to another machine; `socket` is the path of the wire.
  /// Returns its MAC address, which no other card on any wire has.
  std::string plug_in_wire(const std::string& name, const std::string& socket, Side side);

 private:
  void plug_in_card(const std::string& name, const std::string& mac);
  void look_for_trouble();
  void resume(const std::string& state);

  Loop loop_;
  std::optional<Child> qemu_;
  std::unique_ptr<Serial> console_;
  std::unique_ptr<Serial> line_;
  std::unique_ptr<Qmp> qmp_;
  std::size_t looked_at_ = 0;
  int wires_ = 0;
  bool ending_ = false;
  bool panic_is_expected_ = false;
};

}  // namespace dboot::machine
