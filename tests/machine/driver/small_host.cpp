#include "tests/machine/driver/small_host.hpp"

#include <stdexcept>

namespace dboot::machine {
namespace {

/// The small host's archive, and one with the program, what else a test needs, and an image: the
/// kernel unpacks one after the other.
void make_initramfs(const std::string& file, const std::vector<std::string>& more) {
  const std::string script =
      "set -e\n"
      "tree=$(mktemp -d)\n"
      "mkdir -p $tree/opt\n"
      "cp $PROGRAM $tree/opt/\n"
      "cp $IMAGE $tree/opt/busybox.tar\n"
      "for file in $MORE; do cp $file $tree/opt/; done\n"
      "cp $BASE $FILE\n"
      "(cd $tree && find . | busybox cpio -o -H newc 2>/dev/null) >>$FILE\n"
      "rm -r $tree\n";
  std::string listed;
  for (const auto& name : more) listed += name + ' ';
  const auto made = run_program(
      {"env", "MORE=" + listed, "PROGRAM=" + files::program("dboot-inject"),
       "IMAGE=" + files::image("busybox"), "BASE=" + files::made("small-host", "initramfs"),
       "FILE=" + file, "sh", "-c", script});
  if (made.status != 0) throw std::runtime_error("the small host's initramfs: " + made.text);
}

void make_disk(const std::string& file) {
  const auto made = run_program({"truncate", "-s", "256M", file});
  if (made.status != 0) throw std::runtime_error("the small host's disk: " + made.text);
}

/// Up in a few seconds. Once in hundreds of boots the emulator loses its guest in the kernel's own
/// start, where nothing of ours runs yet: then once more.
std::unique_ptr<Machine> boot(const Machine::Options& options) {
  auto machine = std::make_unique<Machine>(options);
  if (!options.state.empty()) return machine;
  try {
    machine->line().expect("# $", 60s);
  } catch (const TimedOut&) {
    machine.reset();
    machine = std::make_unique<Machine>(options);
    machine->line().expect("# $", 60s);
  }
  return machine;
}

}  // namespace

SmallHost::SmallHost(const Options& options)
    : disk_(files::artefact("disk")), initramfs_(files::artefact("initramfs")) {
  make_initramfs(initramfs_.path(), options.files);
  if (options.disk.empty()) make_disk(disk_.path());
  Machine::Options machine;
  machine.kernel = files::made("small-host", "vmlinuz");
  machine.initramfs = initramfs_.path();
  machine.command_line =
      "console=tty0 console=ttyS0 small.root=" + options.root + ' ' + options.command_line;
  machine.disk = options.disk.empty() ? disk_.path() : options.disk;
  machine.second_disk = options.second_disk;
  machine.memory_mib = options.memory_mib;
  machine.time = options.time;
  machine.state = options.state;
  machine.pstore = options.pstore;
  machine.devices = options.devices;
  machine_ = boot(machine);
  shell_ = std::make_unique<Shell>(machine_->line());
  if (!options.state.empty()) return;
  shell_->take_over();
  shell_->output_of("PATH=/opt:/bin; cd /");
}

std::string SmallHost::file_on_disk(const std::string& path) const {
  const auto check = run_program({"e2fsck", "-n", "-f", disk_.path()});
  if (check.status != 0) throw std::runtime_error("the disk is not clean: " + check.text);
  const auto read =
      run_program({"sh", "-c", "debugfs -R 'cat " + path + "' " + disk_.path() + " 2>/dev/null"});
  return read.text;
}

}  // namespace dboot::machine
