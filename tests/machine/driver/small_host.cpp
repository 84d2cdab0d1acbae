#include "tests/machine/driver/small_host.hpp"

#include <filesystem>
#include <stdexcept>

#include "shared/system/syscalls.hpp"

namespace dboot::machine {
namespace fs = std::filesystem;
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

void prepare(Shell& shell) {
  shell.take_over();
  shell.output_of("PATH=/opt:/bin; cd /");
}

/// Nothing about it is of one test alone.
bool is_of_a_usual_kind(const SmallHost::Options& options) {
  return options.disk.empty() && options.second_disk.empty() && options.command_line.empty() &&
         options.devices.empty() && options.pstore.empty();
}

/// What a saved state was made from.
std::string key_of(std::vector<std::string> programs) {
  std::string key = run_program({"qemu-system-x86_64", "--version"}).text;
  for (const auto& made : {files::made("small-host", ""), files::image("busybox")})
    key += fs::canonical(made).string() + '\n';
  programs.push_back(files::program("dboot-inject"));
  for (const auto& program : programs) {
    const auto written = fs::last_write_time(program).time_since_epoch().count();
    key += program + ' ' + std::to_string(written) + ' ' + std::to_string(fs::file_size(program)) +
           '\n';
  }
  return key;
}

std::string disk_of_state(const std::string& state) {
  return state + ".disk";
}

void copy_disk(const std::string& from, const std::string& to) {
  const auto copied = run_program({"cp", "--sparse=always", from, to});
  if (copied.status != 0) throw std::runtime_error("the small host's disk: " + copied.text);
}

/// The file with the state of a machine that has booted, made where it is missing or of another
/// make: most tests begin with the same few.
std::string booted(Machine::Options machine, const SmallHost::Options& options) {
  std::string name = "small-" + options.root + '-' + std::to_string(options.memory_mib);
  if (options.time == Machine::Time::is_skipped) name += "-skipped";
  for (const auto& file : options.files) name += '-' + fs::path(file).filename().string();
  const auto state = files::cache(name + ".state");
  const auto key = state + ".key";
  const auto wanted = key_of(options.files);
  if (sys::read_file_or_empty(key) == wanted) return state;
  fs::remove(key);
  machine.disk = disk_of_state(state);
  fs::remove(machine.disk);
  make_disk(machine.disk);
  const auto booting = boot(machine);
  Shell shell(booting->line());
  prepare(shell);
  booting->save_state(state);
  sys::replace_file(key, wanted, 0644);
  return state;
}

}  // namespace

SmallHost::SmallHost(const Options& options)
    : disk_(files::artefact("disk")), initramfs_(files::artefact("initramfs")) {
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
  make_initramfs(initramfs_.path(), options.files);
  if (machine.state.empty() && is_of_a_usual_kind(options))
    machine.state = booted(machine, options);
  if (!machine.state.empty() && options.state.empty()) {
    copy_disk(disk_of_state(machine.state), disk_.path());
  } else if (options.disk.empty()) {
    make_disk(disk_.path());
  }
  machine_ = boot(machine);
  shell_ = std::make_unique<Shell>(machine_->line());
  if (machine.state.empty()) prepare(*shell_);
}

std::string SmallHost::file_on_disk(const std::string& path) const {
  const auto check = run_program({"e2fsck", "-n", "-f", disk_.path()});
  if (check.status != 0) throw std::runtime_error("the disk is not clean: " + check.text);
  const auto read =
      run_program({"sh", "-c", "debugfs -R 'cat " + path + "' " + disk_.path() + " 2>/dev/null"});
  return read.text;
}

}  // namespace dboot::machine
