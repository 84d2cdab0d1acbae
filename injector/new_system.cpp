#include "injector/new_system.hpp"
#include "injector/archive/kind.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <sys/utsname.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "injector/command/command.hpp"
#include "injector/failure.hpp"
#include "injector/from_host/adapt.hpp"
#include "injector/image/overrides.hpp"
#include "injector/image/stop_signal.hpp"
#include "injector/network/keeping.hpp"
#include "injector/preflight/kept_mounts.hpp"
#include "injector/progress.hpp"
#include "injector/report.hpp"
#include "shared/log/destination.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::new_system {
namespace {

/// The hostname of the new system.
std::string hostname_for(const Options& options) {
  if (!options.hostname.empty()) return options.hostname;
  utsname names{};
  sys::check(::uname(&names), "uname");
  return names.nodename;
}

/// What a command is asked to end with.
int stop_signal_of(const ImageConfig& image, const rootfs::Command& command) {
  // SIGRTMIN+3: at SIGTERM, systemd executes itself anew (systemd(1), "Signals").
  constexpr int halt_systemd = 37;
  if (image.stop_signal.empty())
    return command.canonical.ends_with("/systemd") ? halt_systemd : SIGTERM;
  if (const auto number = image::parse_signal(image.stop_signal)) return *number;
  report::warning("the image's StopSignal is no signal: SIGTERM takes its place",
                  {{"signal", image.stop_signal}});
  return SIGTERM;
}

Plan make_plan(const Options& options, const rootfs::Command& command, Scope scope) {
  Plan plan;
  plan.scope = scope;
  plan.executable = command.executable;
  plan.arguments = command.arguments;
  plan.environment = scope == Scope::machine ? rootfs::without_container(command.environment)
                                             : command.environment;
  if (options.rehearse) plan.environment.emplace_back("container=dboot");
  plan.working_directory = command.working_directory;
  plan.start = options.start.value_or(command.is_init ? Start::exec : Start::supervise);
  plan.on_exit = options.on_exit;
  plan.on_failure = options.on_failure;
  plan.grace = options.grace;
  // A rehearsed command has what PID 1 had on 0 to 2, and its log is followed from outside.
  plan.console = options.rehearse ? "none" : options.console;
  plan.hostname = hostname_for(options);
  plan.log_level = options.log_level;
  plan.require_release = options.require_release;
  plan.keep_network = network::is_kept(options);
  plan.flush_firewall = options.firewall == Options::Firewall::flush;
  plan.disk_log = !options.no_disk_log;
  plan.log_to = options.log_to;
  plan.hook_timeout = options.hook_timeout;
  plan.breakpoints = options.breakpoints;
  plan.break_timeout = options.break_timeout;
  plan.on_break = options.on_break;
  plan.injector_version = DBOOT_VERSION;
  plan.credentials = command.credentials;
  return plan;
}

/// The payload finds them there, or the takeover does not begin.
void make_log_files(const Options& options, int root) {
  for (const auto& text : options.log_to) {
    const auto destination = log::parse_destination(text);
    if (!destination || destination->kind != log::Destination::Kind::file) continue;
    constexpr std::uint64_t flags = O_WRONLY | O_CREAT | O_EXCL;
    if (!sys::try_open_at2(root, destination->name, flags, 0600, RESOLVE_IN_ROOT))
      throw Failure("cannot make " + text + " in the new root for a copy of the log: " +
                        std::generic_category().message(errno),
                    "name a file that the image has not, in a directory that it has");
  }
}

/// `strange_top` is what was unpacked where it is no root filesystem by its looks.
rootfs::Command find_command(int root, const ImageConfig& image, const Options& options,
                             const std::string& strange_top) {
  try {
    return rootfs::find_command(root, image, options.command, options.user);
  } catch (const Failure& failure) {
    if (strange_top.empty() || failure.status() == exit_status::cannot_run) throw;
    const bool is_one_directory =
        strange_top.ends_with('/') && strange_top.find(", ") == std::string::npos;
    throw Failure(
        std::string(failure.what()) + "; what " + options.image +
            " has at its top is no root filesystem's: " + strange_top,
        is_one_directory ? "take what lies below it: tar -C DIRECTORY/" + strange_top +
                               " -c . | dboot-inject -, or name dir:DIRECTORY/" + strange_top
        : failure.mend() == "add a COMMAND" ? "name one that has etc, usr and the like at its top"
                                            : failure.mend(),
        failure.status());
  }
}

}  // namespace

Prepared prepare(const Options& options, image::Source& source, const rootfs::FromHost& from_host,
                 Staging& staging, const std::vector<std::string>& kept, Scope scope) {
  report::begin_phase("image");
  Prepared prepared;
  const auto began = log::monotonic_now();
  std::string strange_top;
  {
    const auto of_image = source.estimated_bytes();
    Progress progress(of_image == 0 ? 0 : of_image + from_host.bytes(),
                      options.log_level <= log::Level::info ? Progress::Shown::on_terminals
                                                            : Progress::Shown::never);
    progress.begin_step("filling the new root");
    source.unpack(staging.root(), progress);
    strange_top = image::top_without_a_system(staging.root());
    progress.begin_step("copying from the host");
    prepared.from_host = from_host.copy(staging.root(), progress);
    report::note("the new root is filled",
                 {{"bytes", progress.bytes()}, {"duration", log::monotonic_now() - began}});
  }
  const auto host_files = rootfs::read_host_files();
  const auto written =
      rootfs::adapt(staging.root(), host_files, {hostname_for(options), scope == Scope::machine});
  for (const auto& file : written) prepared.from_host.push_back({"file", file, file, 0});
  kept_mounts::make_places(staging.root(), kept);
  make_log_files(options, staging.root());
  const ImageConfig config = with_overrides(source.config(), options.overrides);
  if (!config.user.empty() && options.user.empty()) {
    report::info("the image names a user, and its command is started as root all the same",
                 {{"user", config.user}, {"instead", "--user " + config.user}});
  }
  const auto command = find_command(staging.root(), config, options, strange_top);
  for (const auto& path : {command.executable, command.canonical})
    kept_mounts::refuse_hidden("the command", path, kept);
  prepared.plan = make_plan(options, command, scope);
  const auto& directory = prepared.plan.working_directory;
  // One that is on it already is as good as any.
  if (!std::filesystem::is_directory(directory))
    kept_mounts::refuse_hidden("the working directory", directory, kept);
  prepared.plan.kept_mounts = kept;
  prepared.resolv_conf = host_files.resolv_conf;
  prepared.plan.stop_signal = static_cast<std::uint8_t>(stop_signal_of(config, command));
  return prepared;
}

}  // namespace dboot::new_system
