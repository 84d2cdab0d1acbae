#include "tests/machine/driver/machine.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <regex>
#include <utility>

#include "shared/system/syscalls.hpp"
#include "tests/machine/driver/disk.hpp"
#include "tests/machine/driver/files.hpp"

namespace dboot::machine {
namespace {

/// A connected pair of stream sockets: ours, and QEMU's.
std::pair<UniqueFd, UniqueFd> connection() {
  std::array<int, 2> ends{};
  sys::check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), "socketpair");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

/// QEMU's command; its descriptors 3, 4 and 5 are both serial lines and the control connection.
std::vector<std::string> command_of(const Machine::Options& options) {
  // Skipping needs the clock to count instructions, which one processor alone does.
  const bool skips = options.time == Machine::Time::is_skipped;
  std::vector<std::string> command{
      "qemu-system-x86_64", "-machine", "pc", "-accel", skips ? "tcg" : "tcg,thread=multi", "-cpu",
      "max", "-smp", skips ? "1" : "2", "-m", std::to_string(options.memory_mib), "-nodefaults",
      "-nic", "none", "-display", "none", "-vga", "std", "-no-reboot", "-no-user-config",
      // Serial lines and control connection: sockets that are connected already.
      "-chardev", "socket,id=console,fd=3", "-serial", "chardev:console",  //
      "-chardev", "socket,id=line,fd=4", "-serial", "chardev:line",        //
      "-chardev", "socket,id=control,fd=5", "-mon", "chardev=control,mode=control"};
  const auto add = [&](const std::string& option, const std::string& value) {
    command.push_back(option);
    command.push_back(value);
  };
  if (skips) add("-icount", "shift=auto,sleep=off");
  add("-kernel", options.kernel);
  if (!options.initramfs.empty()) add("-initrd", options.initramfs);
  add("-append", options.command_line);
  // What is on the disk after a power failure of this machine is nobody's concern.
  for (const auto& disk : {options.disk, options.second_disk}) {
    if (disk.empty()) continue;
    add("-drive", "file=" + disk + ",format=" + disk::format_of(disk) + ",if=virtio,cache=unsafe");
  }
  if (!options.pstore.empty()) {
    add("-object", "memory-backend-file,id=pstore,size=64K,share=on,mem-path=" + options.pstore);
    add("-device", "acpi-erst,memdev=pstore");
  }
  for (const auto& device : options.devices) add("-device", device);
  if (!options.state.empty()) add("-incoming", "defer");
  return command;
}

}  // namespace

Machine::Machine(const Options& options) {
  auto [console, console_of_qemu] = connection();
  auto [line, line_of_qemu] = connection();
  auto [control, control_of_qemu] = connection();
  const UniqueFd log = sys::open(files::artefact(options.name + "qemu.log"),
                                 O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644);
  qemu_.emplace(command_of(options),
                std::vector<int>{console_of_qemu.get(), line_of_qemu.get(), control_of_qemu.get()},
                log.get());
  for (auto* end : {&console_of_qemu, &line_of_qemu, &control_of_qemu}) end->reset();
  console_ = std::make_unique<Serial>(loop_, std::move(console), "ttyS0",
                                      files::artefact(options.name + "ttyS0.log"));
  line_ = std::make_unique<Serial>(loop_, std::move(line), "ttyS1",
                                   files::artefact(options.name + "ttyS1.log"));
  loop_.add_check([this] { look_for_trouble(); });
  qmp_ =
      std::make_unique<Qmp>(loop_, std::move(control), files::artefact(options.name + "qmp.log"));
  if (!options.state.empty()) resume(options.state);
}

void Machine::look_for_trouble() {
  const std::string& text = console_->text();
  // The words may have come in two pieces.
  constexpr std::string_view panic = "Kernel panic - not syncing";
  const std::size_t from = looked_at_ > panic.size() ? looked_at_ - panic.size() : 0;
  looked_at_ = text.size();
  if (!panic_is_expected_ && text.find(panic, from) != std::string::npos)
    throw std::runtime_error("the kernel has panicked" + console_->tail());
  if (!ending_ && qemu_->ended())
    throw std::runtime_error("the machine has gone off" + console_->tail());
}

std::string Machine::wait_for_end(std::chrono::seconds timeout) {
  ending_ = true;
  const auto data = qmp_->wait_for("SHUTDOWN", timeout);
  qemu_->wait();
  return std::string(data.at("reason").as_string());
}

void Machine::save_state(const std::string& file) {
  qmp_->execute("stop");
  qmp_->execute("migrate-set-capabilities",
                {{"capabilities", {{{"capability", "events"}, {"state", true}}}}});
  qmp_->execute("migrate-set-parameters", {{"max-bandwidth", std::int64_t{1} << 40}});
  qmp_->execute("migrate", {{"uri", "exec:cat >'" + file + "'"}});
  while (qmp_->wait_for("MIGRATION", 120s).at("status") != "completed") {
  }
  ending_ = true;
  qmp_->execute("quit");
  qemu_->wait();
}

void Machine::resume(const std::string& state) {
  qmp_->execute("migrate-set-capabilities",
                {{"capabilities", {{{"capability", "events"}, {"state", true}}}}});
  qmp_->execute("migrate-incoming", {{"uri", "exec:cat '" + state + "'"}});
  while (qmp_->wait_for("MIGRATION", 120s).at("status") != "completed") {
  }
  qmp_->execute("cont");
}

void Machine::plug_in(const std::string& name, const std::string& file, Access access) {
  qmp_->execute("blockdev-add", {{"node-name", name},
                                 {"driver", disk::format_of(file)},
                                 {"read-only", access == Access::read_only},
                                 {"file", {{"driver", "file"}, {"filename", file}}}});
  qmp_->execute("device_add",
                {{"driver", "virtio-blk-pci"}, {"id", name}, {"drive", name}, {"serial", name}});
}

void Machine::plug_in_device(const std::string& driver) {
  qmp_->execute("device_add", {{"driver", driver}, {"id", driver}});
}

void Machine::plug_in_card(const std::string& name, const std::string& mac) {
  boost::json::object card{{"driver", "virtio-net-pci"}, {"id", "card-" + name}, {"netdev", name}};
  if (!mac.empty()) card["mac"] = mac;
  qmp_->execute("device_add", card);
}

void Machine::plug_in_network() {
  qmp_->execute("netdev_add", {{"type", "user"}, {"id", "network"}, {"restrict", true}});
  plug_in_card("network", "");
}

std::uint16_t Machine::plug_in_network_with_way_in(std::uint16_t port) {
  // Of port 0 the kernel makes a free one, and QEMU's list has it.
  const std::string way = "tcp:127.0.0.1:0-:" + std::to_string(port);
  const boost::json::array ways{boost::json::object{{"str", way}}};
  qmp_->execute("netdev_add", {{"type", "user"},
                               {"id", "network"},
                               {"restrict", true},
                               {"ipv6", false},
                               {"hostfwd", ways}});
  plug_in_card("network", "");
  const auto answer = qmp_->execute("human-monitor-command", {{"command-line", "info usernet"}});
  const std::string list(answer.as_string());
  const std::regex line(R"(HOST_FORWARD\]\s+\S+\s+127\.0\.0\.1\s+([0-9]+)\s)");
  std::smatch found;
  if (!std::regex_search(list, found, line))
    throw std::runtime_error("QEMU has no way in: " + list);
  return static_cast<std::uint16_t>(std::stoi(found[1]));
}

std::string Machine::plug_in_wire(const std::string& name, const std::string& socket, Side side) {
  const bool listens = side == Side::listens;
  qmp_->execute("netdev_add", {{"type", "stream"},
                               {"id", name},
                               {"server", listens},
                               {"addr", {{"type", "unix"}, {"path", socket}}}});
  if (++wires_ > 9) throw std::runtime_error("more wires than MAC addresses");
  const std::string mac = "52:54:00:00:0" + std::string(listens ? "1" : "2") + ":0";
  plug_in_card(name, mac + std::to_string(wires_));
  return mac + std::to_string(wires_);
}

void Machine::pull_out(const std::string& name) {
  qmp_->execute("device_del", {{"id", name}});
  while (true) {
    const auto gone = qmp_->wait_for("DEVICE_DELETED", 60s);
    const auto* device = gone.if_contains("device");
    if (device != nullptr && device->as_string() == name) break;
  }
  qmp_->execute("blockdev-del", {{"node-name", name}});
}

}  // namespace dboot::machine
