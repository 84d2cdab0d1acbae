#include "injector/doctor/doctor.hpp"

#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <iostream>
#include <type_traits>

#include "injector/claim.hpp"
#include "injector/confirmation/confirmation.hpp"
#include "injector/doctor/opinion.hpp"
#include "injector/engine/client.hpp"
#include "injector/engine/podman.hpp"
#include "injector/engine/socket.hpp"
#include "injector/failure.hpp"
#include "injector/forecast/processes.hpp"
#include "injector/from_host/from_host.hpp"
#include "injector/guard.hpp"
#include "injector/interruption.hpp"
#include "injector/network/keeping.hpp"
#include "injector/open_image.hpp"
#include "injector/payload_file.hpp"
#include "injector/preflight/confinement.hpp"
#include "injector/preflight/kept_mounts.hpp"
#include "injector/preflight/memory.hpp"
#include "injector/preflight/root.hpp"
#include "injector/preflight/terminals.hpp"
#include "injector/ssh/keeping.hpp"
#include "injector/staging.hpp"
#include "injector/target.hpp"
#include "shared/command_line/parse.hpp"
#include "shared/plan/layout.hpp"
#include "shared/proc/memory.hpp"
#include "shared/system/directory.hpp"
#include "shared/system/syscalls.hpp"
#include "shared/terminal/terminal.hpp"

namespace dboot::doctor {
namespace {

class Examination {
 public:
  explicit Examination(const Options& options) : options_(options) {}

  Findings all() {
    look("rights", [&] {
      root::require_proc();
      guard::require_root();
      return Finding{State::good, "rights", "root, with what a takeover needs", ""};
    });
    // What follows would only be other words for it.
    if (!works(findings_)) return std::move(findings_);
    look("scope", [&] {
      is_machine_ = Target::own_pid_1().is_machine();
      if (!is_machine_)
        findings_.push_back({State::careful, "scope",
                             "this is a PID namespace: only it would be replaced, and no disk is "
                             "let go of",
                             "ask the host of this container to see what would become of it"});
    });
    look("kernel", [&] { return kernel(); });
    look("init", [&] {
      const auto descriptors = entries_of(sys::open("/proc/1/fd", O_RDONLY).get(), "/proc/1/fd");
      return on_init(forecast::read_processes(), descriptors.size());
    });
    look("init", [&] { look_at_confinement(); });
    look("kept", [&] { look_at_kept_mounts(); });
    look("payload", [&] { return payload(); });
    look("image", [&] { return image(); });
    look("host", [&] { look_at_host(); });
    look("ssh", [&] { return ssh(); });
    look("engine", [&] { return engine(); });
    return std::move(findings_);
  }

 private:
  /// A failure is what is wrong, and no reason not to look at the rest.
  void look(const char* about, const std::function<void()>& work) {
    interruption::check();
    try {
      work();
    } catch (const Failure& failure) {
      interruption::check();
      add_bad(about, failure.what(), failure.mend());
    } catch (const std::exception& error) {
      add_bad(about, error.what(), "");
    }
  }
  template <class Look>
    requires std::is_same_v<std::invoke_result_t<Look>, Finding>
  void look(const char* about, const Look& work) {
    look(about, std::function<void()>([&] { findings_.push_back(work()); }));
  }
  /// Unless another look has come upon the same.
  void add_bad(const char* about, std::string what, std::string mend) {
    const auto is_it = [&](const Finding& known) { return known.what == what; };
    if (std::any_of(findings_.begin(), findings_.end(), is_it)) return;
    findings_.push_back({State::bad, about, std::move(what), std::move(mend)});
  }
  void add(Findings findings) {
    for (auto& finding : findings) findings_.push_back(std::move(finding));
  }

  static Finding kernel() {
    utsname names{};
    ::uname(&names);
    guard::require_kernel();
    return {State::good, "kernel", std::string("Linux ") + names.release + ", which stays", ""};
  }

  /// What it is refused for is told by payload().
  void look_at_confinement() {
    for (const auto& remark : confinement::remarks_on(Target::own_pid_1())) {
      if (!confinement::refuses(remark, options_.force))
        findings_.push_back({State::careful, "init", remark.what, remark.mend});
    }
  }

  /// Also what a takeover would be refused for, which the payload's copy is needed to know.
  Finding payload() {
    auto payload = payload_file::open(options_.payload);
    payload_file::compute_digest(payload);
    const Staging staging(payload.size + memory::headroom, 100);
    staging.copy_program(payload.fd.get(), layout::payload_name);
    const auto staged = sys::open_at(staging.directory(), layout::payload_name, O_RDONLY);
    if (payload.plans) payload_file::prove(staging.directory(), layout::payload_name, payload);
    const claim::Wishes wishes{options_.force, options_.require_release, network::is_kept(options_),
                               kept_};
    for (auto& [what, mend] : claim::refusals(wishes, staged.get()))
      add_bad("refused", std::move(what), std::move(mend));
    return {State::good, "payload", payload.path + " runs here as a PID 1", ""};
  }

  Finding image() {
    const rootfs::FromHost from_host(options_.host_files, rootfs::kernel_files_of_host());
    const auto available = available_memory();
    if (options_.image.empty()) return on_memory(available, 0);
    const auto source = image::open(options_.image, {options_.engine_host, options_.pull});
    findings_.push_back({State::good, "image",
                         source->description() + ", which is there; --dry-run reads all of it",
                         ""});
    const auto needed = source->estimated_bytes() + from_host.bytes();
    if (needed != 0) memory::root_size(options_.root_size, needed, available);
    return on_memory(available, needed);
  }

  void look_at_kept_mounts() {
    const auto kept = kept_mounts::find(options_);
    kept_ = kept.mount_points;
    for (const auto& path : kept_)
      findings_.push_back({State::good, "kept", "what is mounted on " + path, ""});
    for (const auto& [what, where, mend, keeps_old_root] : kept.remarks)
      findings_.push_back({State::careful, "kept", what + " (" + where + ")", mend});
  }

  void look_at_host() {
    Plan plan;
    plan.kept_mounts = kept_;
    plan.console = options_.console;
    plan.log_to = options_.log_to;
    terminals::require(options_.console, options_.log_to);
    const auto host = forecast::look_at_host(plan);
    if (is_machine_) add(on_disks(host));
    if (is_machine_) findings_.push_back(on_consoles(host.consoles));
    add(on_network(host.network));
    add(on_what_ends(host));
    const bool is_to_be_confirmed =
        confirmation::time_for(options_, guard::is_over_ssh()).count() != 0;
    if (!is_machine_ || !is_to_be_confirmed) return;
    for (const auto& [what, mend] : confirmation::obstacles(host.disks))
      findings_.push_back(
          {State::careful, "way back", "the machine may not come back by itself: " + what, mend});
  }

  Finding ssh() {
    if (options_.keep_ssh == Options::Keep::no)
      return {State::good, "ssh", "nobody is to log in over ssh afterwards", ""};
    // So that the reason is told.
    auto wanted = options_;
    wanted.keep_ssh = Options::Keep::yes;
    const bool is_needed = guard::is_over_ssh() || options_.keep_ssh == Options::Keep::yes ||
                           !options_.ssh_keys.empty() || options_.rescue_port;
    try {
      if (const auto way_in = ssh::find_way_in(wanted))
        return {State::good, "ssh", "to log in afterwards: " + way_in->command(), ""};
    } catch (const Failure& failure) {
      return {is_needed ? State::bad : State::careful, "ssh",
              std::string("nobody can log in over ssh afterwards: ") + failure.what(),
              failure.mend()};
    }
    return {State::careful, "ssh", "nobody can log in over ssh afterwards", "stay at a console"};
  }

  Finding engine() const {
    std::string answering;
    for (const auto& socket :
         {image::docker_socket_path(options_.engine_host), std::string(image::podman_socket)}) {
      try {
        const auto count = image::image_names(socket).size();
        answering += (answering.empty() ? "" : "; ") + socket + " has " + std::to_string(count) +
                     " names of images";
      } catch (const std::exception&) {
        // One that does not answer is none.
      }
    }
    const bool is_needed = options_.image.empty();
    if (!answering.empty()) return {State::good, "engine", answering, ""};
    return {
        is_needed ? State::careful : State::good, "engine", "no container engine answers",
        is_needed ? "name an archive, a directory or standard input instead: they need none" : ""};
  }

  const Options& options_;
  bool is_machine_ = true;
  std::vector<std::string> kept_;  ///< mount points
  Findings findings_;
};

}  // namespace

int run(const Options& options) {
  interruption::catch_signals();
  const auto findings = Examination(options).all();
  const bool colours = terminal::wants_colours(STDOUT_FILENO);
  std::cout << (options.json ? json(findings) : text(findings, colours));
  if (!command_line::flush_output())
    throw Failure(command_line::no_output, command_line::mend_of_no_output);
  return works(findings) ? 0 : exit_status::failed;
}

}  // namespace dboot::doctor
