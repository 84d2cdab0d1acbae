#include "injector/doctor/doctor.hpp"

#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

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
#include "injector/guard.hpp"
#include "injector/interruption.hpp"
#include "injector/network/keeping.hpp"
#include "injector/open_image.hpp"
#include "injector/payload_file.hpp"
#include "injector/preflight/memory.hpp"
#include "injector/preflight/root.hpp"
#include "injector/preflight/terminals.hpp"
#include "injector/ssh/keeping.hpp"
#include "injector/staging.hpp"
#include "shared/command_line/parse.hpp"
#include "shared/plan/layout.hpp"
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
    look("kernel", [&] { return kernel(); });
    look("init", [&] {
      const auto descriptors = entries_of(sys::open("/proc/1/fd", O_RDONLY).get(), "/proc/1/fd");
      return on_init(forecast::read_processes(), descriptors.size());
    });
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
      findings_.push_back({State::bad, about, failure.what(), failure.mend()});
    } catch (const std::exception& error) {
      findings_.push_back({State::bad, about, error.what(), ""});
    }
  }
  template <class Look>
    requires std::is_same_v<std::invoke_result_t<Look>, Finding>
  void look(const char* about, const Look& work) {
    look(about, std::function<void()>([&] { findings_.push_back(work()); }));
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

  /// Also what a takeover would be refused for, which the payload's copy is needed to know.
  Finding payload() {
    auto payload = payload_file::open(options_.payload);
    payload_file::compute_digest(payload);
    const Staging staging(payload.size + memory::headroom, 100);
    staging.copy_program(payload.fd.get(), layout::payload_name);
    const auto staged = sys::open_at(staging.directory(), layout::payload_name, O_RDONLY);
    if (payload.plans) payload_file::prove(staging.directory(), layout::payload_name, payload);
    const claim::Wishes wishes{options_.force, options_.require_release,
                               network::is_kept(options_)};
    for (auto& [what, mend] : claim::refusals(wishes, staged.get()))
      findings_.push_back({State::bad, "refused", std::move(what), std::move(mend)});
    return {State::good, "payload", payload.path + " runs here as a PID 1", ""};
  }

  Finding image() {
    if (options_.image.empty()) return on_memory(memory::available(), 0);
    const auto source = image::open(options_.image, {options_.engine_host, options_.pull});
    findings_.push_back({State::good, "image", source->description(), ""});
    return on_memory(memory::available(), source->estimated_bytes());
  }

  void look_at_host() {
    Plan plan;
    plan.console = options_.console;
    plan.log_to = options_.log_to;
    terminals::require(options_.console, options_.log_to);
    const auto host = forecast::look_at_host(plan);
    add(on_disks(host));
    findings_.push_back(on_consoles(host.consoles));
    add(on_network(host.network));
    add(on_what_ends(host));
    for (const auto& [what, mend] : confirmation::obstacles(host.disks))
      findings_.push_back({State::careful, "way back",
                           "with --confirm-within, the machine may not come back: " + what, mend});
  }

  Finding ssh() {
    try {
      if (const auto way_in = ssh::find_way_in(options_))
        return {State::good, "ssh", "to log in afterwards: " + way_in->command(), ""};
    } catch (const Failure& failure) {
      const bool is_needed = guard::is_over_ssh() || options_.keep_ssh == Options::Keep::yes;
      return {is_needed ? State::bad : State::careful, "ssh", failure.what(), failure.mend()};
    }
    return {State::careful, "ssh", "nobody can log in over ssh afterwards",
            "see dboot-inject(8), SSH, or stay at a console"};
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
    if (!answering.empty()) return {State::good, "engine", answering, ""};
    return {State::careful, "engine", "no container engine answers",
            "name an archive, a directory or standard input instead: they need none"};
  }

  const Options& options_;
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
