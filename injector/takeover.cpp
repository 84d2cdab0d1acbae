#include "injector/takeover.hpp"
#include "injector/report.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>

#include "injector/claim.hpp"
#include "injector/confirmation/confirmation.hpp"
#include "injector/failure.hpp"
#include "injector/forecast/forecast.hpp"
#include "injector/from_host/from_host.hpp"
#include "injector/guard.hpp"
#include "injector/hooks.hpp"
#include "injector/inject/injection.hpp"
#include "injector/interruption.hpp"
#include "injector/kernel_panic.hpp"
#include "injector/network/keeping.hpp"
#include "injector/new_system.hpp"
#include "injector/onlooker.hpp"
#include "injector/open_image.hpp"
#include "injector/payload_file.hpp"
#include "injector/preflight/confinement.hpp"
#include "injector/preflight/kept_mounts.hpp"
#include "injector/preflight/memory.hpp"
#include "injector/preflight/root.hpp"
#include "injector/preflight/selinux.hpp"
#include "injector/preflight/terminals.hpp"
#include "injector/rehearsal/payload_log.hpp"
#include "injector/rehearsal/rehearsal.hpp"
#include "injector/rehearsal/verdict.hpp"
#include "injector/ssh/keeping.hpp"
#include "injector/staging.hpp"
#include "injector/target.hpp"
#include "shared/command_line/parse.hpp"
#include "shared/plan/layout.hpp"
#include "shared/plan/plan.hpp"
#include "shared/proc/memory.hpp"
#include "shared/proc/namespace.hpp"
#include "shared/system/syscalls.hpp"
#include "shared/text/duration.hpp"

namespace dboot::takeover {
namespace {

constexpr std::chrono::seconds injection_deadline{10};

/// A dry run touches no PID 1, and goes on where that cannot be looked at.
Scope scope_of(const Options& options) {
  if (options.rehearse) return Scope::in_namespace;
  try {
    return Target::own_pid_1().is_machine() ? Scope::machine : Scope::in_namespace;
  } catch (const Failure& failure) {
    if (!options.dry_run) throw;
    // That is among its refusals.
    report::debug("this plan is for the machine: PID 1 is not to be seen",
                  {{"reason", failure.what()}});
    return Scope::machine;
  }
}

claim::Wishes wishes_of(const Options& options, const kept_mounts::Kept& kept) {
  return {options.force, options.require_release, network::is_kept(options), kept.mount_points};
}

/// The file that PID 1 is to execute.
UniqueFd stage_payload(const payload_file::Payload& payload, const Staging& staging) {
  staging.copy_program(payload.fd.get(), layout::payload_name);
  UniqueFd staged = sys::open_at(staging.directory(), layout::payload_name, O_RDONLY);
  payload_file::check_copy(staged.get(), payload);
  if (payload.plans) payload_file::prove(staging.directory(), layout::payload_name, payload);
  return staged;
}

/// The payload is not to be the first that finds fault with it.
std::vector<std::uint8_t> encoded(const Plan& plan) {
  auto file = plan::encode(plan);
  try {
    plan::decode(file);
  } catch (const plan::Error& error) {
    throw Failure(std::string("the payload would refuse the plan: ") + error.what(),
                  "where the host has very many routes, take over with --keep-network no");
  }
  return file;
}

/// Makes the target execute the payload. Everything that this changes is undone when it fails.
void commit(const Target& target, Staging& staging, Plan plan,
            const std::function<void()>& last_question) {
  interruption::hold_back();
  target.enter();
  std::optional<KernelPanic> panic;
  if (target.is_machine()) panic.emplace();
  if (panic) plan.kernel_panic = panic->previous();
  plan.began = report::began();
  staging.write_plan(encoded(plan));
  staging.arm();

  const inject::Program program{layout::payload, {layout::payload}, {}};
  const auto before_attach = [&] {
    last_question();
    if (panic) panic->set();
    staging.attach();
  };
  const auto undo = [&] {
    staging.detach();
    if (panic) panic->restore();
  };
  const auto executed = [](std::chrono::nanoseconds stood_still) {
    report::note("PID 1 has executed the payload", {{"stood_still", stood_still}});
  };
  const inject::Hooks hooks{before_attach, undo, executed};
  const auto outcome = inject::execute(target, program, injection_deadline, hooks);
  if (outcome == inject::Outcome::unknown && !staging.is_executed_by(target.proc())) {
    throw Failure("the tracer was killed before PID 1 executed the payload", "try again");
  }
  staging.commit();
  if (panic) panic->commit();
}

/// What is asked for, as far as the plan does not say it.
void note_options(const Options& options) {
  const auto how = options.rehearse ? "rehearse" : options.dry_run ? "dry run" : "take over";
  report::note("asked for", {{"what", how},
                             {"image", options.image},
                             {"force", options.force ? "yes" : "no"},
                             {"payload", options.payload.empty() ? "dboot-init" : options.payload},
                             {"host", options.engine_host},
                             {"root_size", options.root_size}});
}

void note_payload(const payload_file::Payload& payload) {
  report::note("payload", {{"file", payload.path},
                           {"bytes", payload.size},
                           {"digest", payload.digest},
                           {"proved", payload.plans ? "yes" : "no"}});
  if (!payload.plans) {
    report::warning("the payload does not say which plans it understands, and is not run for proof",
                    {{"file", payload.path}, {"see", "dboot-payload(7)"}});
  }
}

/// A payload of somebody's own that has never heard of it would go past it in silence.
void refuse_what_it_does_not_know(const Options& options, const payload_file::Payload& payload) {
  using payload_file::require_plans_of;
  if (!options.hooks.empty() || !options.breakpoints.empty())
    require_plans_of(payload, 3, "hooks and breakpoints", "--hook and --break");
  if (options.require_release)
    require_plans_of(payload, 4, "whether disks must be released", "--require-release");
  if (options.keep_network == Options::Keep::yes)
    require_plans_of(payload, 5, "how to keep the network", "--keep-network");
  if (options.renew) require_plans_of(payload, 5, "who renews leases", "--renew");
  if (options.confirm_within && options.confirm_within->count() != 0)
    require_plans_of(payload, 7, "whether the new system must be confirmed", "--confirm-within");
  if (!options.keep.empty()) require_plans_of(payload, 8, "which mounts to keep", "--keep");
  if (options.firewall == Options::Firewall::flush)
    require_plans_of(payload, 5, "whether the firewall is flushed", "--firewall");
}

/// A dry run has another place for what it would be refused for.
void warn_of_confinement(const Options& options) {
  try {
    confinement::warn(Target::own_pid_1(), options.force);
  } catch (const Failure&) {
    if (!options.dry_run) throw;
  }
}

Rehearsal::Stdio stdio_for(Options::Terminal terminal) {
  const bool both = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
  const bool wanted =
      terminal == Options::Terminal::automatic ? both : terminal == Options::Terminal::yes;
  return wanted ? Rehearsal::Stdio::console : Rehearsal::Stdio::pipes;
}

/// How a rehearsal is told to end: an init as its image says; a command through its supervisor,
/// which takes at most the grace period twice, and what it needs itself.
Attendance attendance_for(const Options& options, const Plan& plan) {
  Attendance attendance;
  attendance.patience = plan.grace;
  if (plan.start == Start::exec) {
    attendance.end_signal = plan.stop_signal;
  } else if (options.payload.empty()) {
    attendance.patience = 2 * plan.grace + std::chrono::seconds(10);
  }
  return attendance;
}

int rehearse(const Options& options, Staging& staging, const Plan& plan) {
  const auto stdio = stdio_for(options.terminal);
  OwnStdio own;
  Rehearsal rehearsal(stdio);
  rehearsal.give_stdio_to(plan.credentials.uid);
  PayloadLog payload_log(staging.directory(), options.log_level);
  Attendance attendance = attendance_for(options, plan);
  attendance.log = &payload_log;
  report::info("rehearsing in namespaces; nothing on this host is replaced");
  if (stdio == Rehearsal::Stdio::console)
    report::info("Ctrl-] three times within a second ends the rehearsal");
  commit(rehearsal.target(), staging, plan, [] {});
  const int status = rehearsal.attend(own, attendance);
  if (const auto end = rehearsal.end_of_pid_1())
    report_verdict(*end, payload_log, plan, !options.save_log.empty());
  return status;
}

/// What is about to be done, for who is asked, and for who has said yes beforehand.
void show_summary(const Options& options, const forecast::Forecast& known,
                  const std::optional<ssh::WayIn>& way_in) {
  forecast::Forecast before;
  before.image = known.image;
  before.memory = known.memory;
  before.plan.keep_network = network::is_kept(options);
  before.plan.kept_mounts = known.plan.kept_mounts;
  before.plan.scope = scope_of(options);
  before.plan.confirm_within = confirmation::time_for(options, way_in.has_value());
  if (way_in) before.ssh.emplace().command = way_in->command();
  try {
    before.host = forecast::look_at_host(before.plan);
  } catch (const std::exception& error) {
    report::warning("what would end here is not known", {{"reason", error.what()}});
    return;
  }
  const bool is_shown = options.log_level <= log::Level::info || !options.yes;
  if (is_shown) std::cerr << forecast::summary(before) << std::flush;
  if (before.plan.confirm_within.count() == 0) return;
  for (const auto& [what, mend] : confirmation::obstacles(before.host->disks))
    report::warning(
        "the machine may not come back by itself",
        {{"reason", what}, {log::mend_key, mend.empty() ? "--confirm-within no" : mend}});
}

/// What a takeover would do, on standard output.
void tell(forecast::Forecast forecast, const Options& options) {
  if (!options.rehearse) {
    forecast.host = forecast::look_at_host(forecast.plan);
    if (forecast.plan.confirm_within.count() != 0)
      forecast.obstacles = confirmation::obstacles(forecast.host->disks);
  }
  std::cout << (options.json ? forecast::json(forecast) : forecast::text(forecast)) << std::flush;
  interruption::check();
  if (!command_line::flush_output())
    throw Failure(command_line::no_output, command_line::mend_of_no_output);
}

/// At a console the payload shows its lines itself.
bool looks_on(const Options& options) {
  return !options.rehearse && guard::is_over_ssh() && in_initial_namespace("pid");
}

/// Of the session that has asked for it.
std::string last_words(const std::optional<ssh::Kept>& ssh, const Plan& plan) {
  std::string words = "This session ends.";
  if (ssh) words += " Log in again: " + ssh->command;
  if (plan.confirm_within.count() != 0)
    words += std::string(ssh ? ";" : "") + " confirm within " +
             in_words(std::chrono::ceil<std::chrono::seconds>(plan.confirm_within)) + ": " +
             (ssh ? ssh->command_of_root + ' ' : "") + "dboot-confirm";
  return words;
}

/// The signals of the takeover find this process as they find any other.
[[noreturn]] void wait_for_the_end() {
  interruption::restore_default_actions();
  for (;;) ::pause();
}

}  // namespace

int run(const Options& options) {
  note_options(options);
  root::require_proc();
  guard::require_root();
  guard::require_kernel();
  if (options.rehearse) root::require_for_rehearsal();
  memory::go_first_when_it_ends();
  interruption::catch_signals();
  const auto kept = kept_mounts::find(options);
  kept_mounts::warn(kept.remarks);
  UniqueFd claim;
  if (!options.rehearse && !options.dry_run) claim = claim::take(wishes_of(options, kept));

  if (!options.rehearse) warn_of_confinement(options);
  terminals::require(options.console, options.log_to);
  auto payload = payload_file::open(options.payload);
  const rootfs::FromHost from_host(options.host_files, rootfs::kernel_files_of_host());
  auto way_in = ssh::find_way_in(options);
  const hooks::Hooks hooks(options.hooks, options.busybox,
                           !options.breakpoints.empty() || way_in.has_value());
  // What is wrong with an option is told before a byte is read, and an image may be a stream.
  const auto source = image::open(options.image, {options.engine_host, options.pull});
  const std::uint64_t needed = source->estimated_bytes() + from_host.bytes();
  const std::uint64_t available = available_memory();
  const auto digest = source->digest();
  report::note("image", {{"description", source->description()},
                         {"digest", digest.empty() ? "none" : digest},
                         {"bytes", source->estimated_bytes()},
                         {"from_host", from_host.bytes()}});
  const auto needed_beside = payload.size + hooks.bytes() + (way_in ? way_in->server.bytes() : 0);
  report::note("memory", {{"needed", needed + needed_beside}, {"available", available}});
  memory::require(needed + needed_beside, available);
  payload_file::compute_digest(payload);
  note_payload(payload);
  refuse_what_it_does_not_know(options, payload);
  if (way_in)
    payload_file::require_plans_of(payload, 6, "how to keep ssh", "the ssh server (--no-ssh)");
  forecast::Forecast forecast;
  forecast.image = {options.image, source->description(), digest, source->estimated_bytes()};
  forecast.memory = {available, source->estimated_bytes() == 0 ? 0 : needed + needed_beside, 0};
  if (claim) {
    if (guard::is_over_ssh())
      report::warning("this is an ssh session, and it ends with the takeover");
    if (way_in) report::note("log in afterwards", {{"by", way_in->command()}});
    forecast.plan.kept_mounts = kept.mount_points;
    show_summary(options, forecast, way_in);
    if (network::is_kept(options)) network::tell_what_changes();
    guard::confirm(source->description(), options.yes);
    memory::leave_limits();
  }

  const auto size = memory::root_size(options.root_size, needed, available);
  Staging staging(size.bytes, size.entries,
                  options.rehearse ? Staging::Devices::locked : Staging::Devices::usable);
  report::keep_record_in(staging.make_record());
  {
    const UniqueFd staged = stage_payload(payload, staging);
    if (claim) selinux::check(Target::own_pid_1(), staged.get());
    if (options.dry_run && !options.rehearse) {
      for (const auto& refusal : claim::refusals(wishes_of(options, kept), staged.get()))
        forecast.refusals.push_back(refusal.text());
    }
  }
  auto prepared = new_system::prepare(options, *source, from_host, staging, kept.mount_points,
                                      scope_of(options));
  auto kept_network = network::keep(options, staging, prepared.resolv_conf, prepared.plan);
  for (const auto& file : kept_network.written)
    prepared.from_host.push_back({"network", "the kernel", file, 0});
  prepared.plan.network = std::move(kept_network.network);
  auto& plan = prepared.plan;
  plan.hooks = hooks.stage(staging);
  plan.hooks.insert(plan.hooks.end(), kept_network.renewals.begin(), kept_network.renewals.end());
  if (way_in) forecast.ssh = ssh::keep(*way_in, staging, plan);
  if (forecast.ssh) plan.companions = forecast.ssh->companions;
  plan.confirm_within = confirmation::time_for(options, way_in.has_value());
  if (plan.confirm_within.count() != 0 && !options.rehearse) confirmation::stage(staging);
  // Who has chosen its terminal has it, and nobody in between.
  plan.attachable = !options.rehearse && !plan.companions.empty() &&
                    plan.start == Start::supervise && options.console == "auto" &&
                    options.payload.empty();
  if (options.dry_run) {
    forecast.memory = {available, staging.root_bytes(), size.bytes};
    forecast.from_host = std::move(prepared.from_host);
    forecast.payload = std::move(payload);
    forecast.busybox = hooks.busybox();
    forecast.plan = std::move(plan);
    tell(std::move(forecast), options);
    report::note("the dry run ends", {});
    return 0;
  }
  report::begin_phase("inject");
  report::note("plan", plan::facts(plan));
  if (options.rehearse) return rehearse(options, staging, plan);
  if (looks_on(options)) plan.caller = static_cast<std::uint32_t>(::getpid());
  report::info("taking over PID 1");
  commit(Target::own_pid_1(), staging, plan, [&] {
    claim::ask_again(wishes_of(options, kept));
    kept_mounts::require_still(kept.mount_points);
  });
  if (plan.caller == 0) wait_for_the_end();
  onlooker::show_until_the_end(staging.directory(), options.log_level,
                               last_words(forecast.ssh, plan));
}

}  // namespace dboot::takeover
