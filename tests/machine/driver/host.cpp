#include "tests/machine/driver/host.hpp"

#include <filesystem>
#include <fstream>

#include "shared/system/syscalls.hpp"
#include "tests/machine/driver/disk.hpp"

namespace dboot::machine {
namespace fs = std::filesystem;
namespace {

struct Flavour {
  std::string name;
  std::string consoles;
  std::vector<std::string> images;
};

Flavour flavour_of(Host::Console console) {
  if (console == Host::Console::screen)
    return {"screen", "console=ttyS0 console=tty0", {"busybox", "bash"}};
  return {"serial", "console=tty0 console=ttyS0", {"busybox", "bash", "systemd"}};
}

Machine::Options options_of(const Flavour& flavour, const std::string& disk) {
  Machine::Options options;
  options.kernel = files::host("vmlinuz");
  options.initramfs = files::host("initrd.img");
  options.command_line = "root=LABEL=host ro " + flavour.consoles;
  options.disk = disk;
  return options;
}

/// What a saved state was made from: the paths in the cache carry hashes of their contents.
std::string key_of(const Flavour& flavour) {
  std::string key = run_program({"qemu-system-x86_64", "--version"}).text + flavour.consoles;
  key += fs::canonical(files::host("")).string();
  for (const auto& image : flavour.images) key += fs::canonical(files::image(image)).string();
  return key;
}

void import(Machine& machine, Shell& shell, const std::string& name) {
  machine.plug_in(name, files::image(name));
  const std::string device = "/dev/disk/by-id/virtio-" + name;
  shell.output_of("udevadm wait --timeout=60 " + device);
  shell.output_of("docker import - " + name + " <" + device, 180s);
  machine.pull_out(name);
}

/// Boots, imports the images and saves the state, together with its disk.
void make_state(const Flavour& flavour, const std::string& state, const std::string& disk) {
  disk::make_overlay(files::host("disk"), disk);
  Machine machine(options_of(flavour, disk));
  machine.line().expect("^root@host:~# ", 240s);
  Shell shell(machine.line());
  shell.take_over();
  // Until everything that starts with the machine has started, docker included.
  const Output booted = shell.run("systemctl is-system-running --wait", 240s);
  if (booted.text.find("running") == std::string::npos)
    throw std::runtime_error("the host is not in order: " + booted.text +
                             shell.run("systemctl --failed --plain").text);
  for (const auto& image : flavour.images) import(machine, shell, image);
  shell.output_of("sync");
  machine.save_state(state);
}

/// The saved state and its disk, made where they are missing or of another make.
std::pair<std::string, std::string> state_of(const Flavour& flavour) {
  const std::string state = files::cache(flavour.name + ".state");
  const std::string disk = files::cache(flavour.name + ".disk");
  const std::string key = files::cache(flavour.name + ".key");
  const std::string wanted = key_of(flavour);
  if (sys::read_file_or_empty(key) != wanted) {
    fs::remove(key);
    make_state(flavour, state, disk);
    std::ofstream(key) << wanted;
  }
  return {state, disk};
}

}  // namespace

Host::Host(Console console, const std::string& name) : disk_(files::artefact(name + "disk")) {
  const Flavour flavour = flavour_of(console);
  const auto [state, disk] = state_of(flavour);
  disk::make_overlay(disk, disk_.path());
  auto options = options_of(flavour, disk_.path());
  options.state = state;
  options.name = name;
  machine_ = std::make_unique<Machine>(options);
  shell_ = std::make_unique<Shell>(machine_->line());
  install_programs(*machine_, *shell_);
}

void install_programs(Machine& machine, Shell& shell) {
  const files::Scratch tar(files::artefact("programs.tar"));
  const Output packed = run_program({"tar", "--create", "--file", tar.path(), "--directory",
                                     fs::path(files::program("")).string(), "dboot-inject"});
  if (packed.status != 0) throw std::runtime_error("tar: " + packed.text);
  machine.plug_in("programs", tar.path());
  shell.output_of("udevadm wait --timeout=60 /dev/disk/by-id/virtio-programs");
  shell.output_of("mkdir -p /opt/dboot && tar xf /dev/disk/by-id/virtio-programs -C /opt/dboot");
  machine.pull_out("programs");
  shell.output_of("PATH=/opt/dboot:$PATH; cd /");
}

Output Host::check_root() const {
  return disk::check_root(disk_.path());
}

void await_shell(Machine& machine, const std::function<void(std::string_view)>& type) {
  for (int attempt = 1;; ++attempt) try {
      type("echo u''p >/dev/ttyS1\n");
      machine.line().expect("^up$", 15s);
      return;
    } catch (const TimedOut&) {
      machine.qmp().screenshot(files::artefact("no-shell.png"));
      if (attempt == 4) throw;
    }
}

Shell open_shell(Machine& machine, const std::function<void(std::string_view)>& type) {
  await_shell(machine, type);
  type("setsid sh -c 'exec sh -i </dev/ttyS1 >/dev/ttyS1 2>&1' &\n");
  machine.line().expect("[#$] ");
  Shell shell(machine.line());
  shell.take_over();
  return shell;
}

}  // namespace dboot::machine
