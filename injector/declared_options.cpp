#include "injector/declared_options.hpp"

#include <CLI/CLI.hpp>
#include <map>

#include "injector/option_values.hpp"
#include "shared/command_line/completion.hpp"

namespace dboot::options {
namespace {

using namespace option_values;

class HelpText : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App* /*app*/, std::string /*name*/) const override {
    return "Usage: dboot-inject [options] IMAGE [--] [COMMAND [ARG...]]\n";
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    const auto& text = option->get_option_text();
    return text.empty() ? "" : " " + text;
  }
};

constexpr const char* description =
    "Replaces the running system with an in-memory one made from a container image.\n"
    "Every process ends and every disk is let go of; what is on the disks stays.";

constexpr const char* footer =
    "\nIMAGE, in the words of skopeo's transports:\n"
    "  NAME, docker-daemon:NAME, an ID, a digest     in the Docker engine\n"
    "  podman:NAME                                   in Podman\n"
    "  docker-archive:FILE[:REF]                     what docker save has written\n"
    "  oci-archive:FILE[:REF], oci:DIRECTORY[:REF]   an OCI image layout\n"
    "  tar:FILE, dir:DIRECTORY                       a root filesystem\n"
    "  -, or a path that begins with /, ./ or ../    any of these, known by its content\n"
    "Options come before IMAGE; a name of one of them as the first word of COMMAND needs -- before "
    "it.\n"
    "Without COMMAND the image's own Entrypoint and Cmd are started, else /sbin/init.\n"
    "\n"
    "Examples:\n"
    "  dboot-inject --rehearse debian -- /bin/bash   try it in a namespace; nothing is replaced\n"
    "  dboot-inject debian -- /bin/bash              replace this system, ask first\n"
    "  dboot-inject --yes ./rootfs.tar.gz            the same from a file, without asking\n"
    "\n"
    "Exit status: 125 when dboot-inject itself fails and the host is as it was, 126 when COMMAND "
    "cannot\n"
    "be executed, 127 when it is not in the image, 129, 130 or 143 when SIGHUP, SIGINT or SIGTERM "
    "ended it;\n"
    "in a rehearsal otherwise the one of COMMAND. These signals end a rehearsed COMMAND in good "
    "order;\n"
    "on a terminal, Ctrl-] three times within a second kills it.";

std::string check_switch(const std::string& value) {
  return value == "true" ? "" : "a switch takes no value: it is given or left out";
}

/// Turns a word into the value that it stands for.
template <class Names>
CLI::Validator one_of(const Names& names) {
  std::string list;
  for (const auto& [name, value] : names) list += (list.empty() ? "" : ", ") + name;
  const auto look_up = [names, list](std::string& word) -> std::string {
    const auto found = names.find(word);
    if (found == names.end()) return "'" + word + "' is none of " + list;
    word = CLI::detail::to_string(static_cast<int>(found->second));
    return "";
  };
  return CLI::Validator(look_up, "", "one of");
}

/// Each occurrence has one value.
CLI::Option* repeatable(CLI::Option* option) {
  return option->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
}

/// As `docker run` has them.
void declare_image_overrides(CLI::App& app, Options& options, Raw& raw) {
  app.add_option("--entrypoint", raw.entrypoint,
                 "Takes the place of the image's Entrypoint and Cmd; \"\" is none")
      ->option_text("PROGRAM")
      ->group("The new system");
  repeatable(app.add_option("-e,--env", options.overrides.environment,
                            "Set a variable; NAME alone takes its value along"))
      ->check(check_variable)
      ->option_text("NAME[=VALUE]")
      ->group("The new system");
  repeatable(app.add_option("--env-file", raw.env_files,
                            "Set the variables that are in FILE, NAME=VALUE a line"))
      ->check(check_not_empty)
      ->option_text("FILE")
      ->group("The new system");
  app.add_option("-w,--workdir", options.overrides.working_directory,
                 "Where COMMAND is started (what the image says)")
      ->check(check_absolute)
      ->option_text("DIRECTORY")
      ->group("The new system");
  app.add_option("-u,--user", options.user, "Who executes COMMAND, by the image's passwd (root)")
      ->check(check_not_empty)
      ->option_text("USER[:GROUP]")
      ->group("The new system");
}

void declare_host_files(CLI::App& app, Options& options, Raw& raw) {
  using rootfs::Share;
  static const std::map<std::string, Share> shares{{"auto", Share::automatic},
                                                   {"none", Share::none},
                                                   {"loaded", Share::loaded},
                                                   {"all", Share::all}};
  app.add_option("--modules", options.host_files.modules,
                 "The running kernel's modules (auto: if the image has udev or kmod)")
      ->transform(one_of(shares))
      ->option_text("auto|none|loaded|all")
      ->group("The new system");
  app.add_option("--firmware", options.host_files.firmware,
                 "The host's firmware (auto: what loaded modules may ask for)")
      ->transform(one_of(shares))
      ->option_text("auto|none|loaded|all")
      ->group("The new system");
  repeatable(app.add_option("--copy", raw.copies,
                            "Takes a file or directory of the host along; repeatable"))
      ->option_text("HOSTPATH[:PATH]")
      ->group("The new system");
}

void declare_switches(CLI::App& app, Options& options) {
  const auto declare_switch = [&](const char* name, bool& value, const char* meaning) {
    app.add_flag(name, value, meaning)->check(check_switch)->group("What happens");
  };
  declare_switch("--rehearse", options.rehearse,
                 "Do everything, but to a PID 1 in namespaces of its own");
  declare_switch("--dry-run", options.dry_run,
                 "Prepare everything, print what would happen, undo it");
  declare_switch("--doctor", options.doctor,
                 "Look at this machine, and say whether a takeover would work; IMAGE may be left "
                 "out");
  declare_switch("--json", options.json,
                 "With --dry-run or --doctor: print it, or an error, as JSON");
  auto* const terminal = app.add_flag_callback(
      "-t", [&] { options.terminal = Options::Terminal::yes; },
      "A rehearsed COMMAND has a terminal (if stdin and stdout are ones)");
  app.add_flag_callback(
         "-T", [&] { options.terminal = Options::Terminal::no; },
         "A rehearsed COMMAND has none; bytes pass unchanged")
      ->excludes(terminal)
      ->group("What happens");
  terminal->group("What happens");
  declare_switch("--yes", options.yes, "Do not ask; required without a terminal");
  declare_switch("--force", options.force,
                 "Go on although a program inhibits shutdown, or this session's link would end");
}

void declare_hooks(CLI::App& app, Options& options, Raw& raw) {
  repeatable(
      app.add_option(
          "--hook", raw.hooks,
          "Runs a static program or a script before or after a phase of the takeover; ! where "
          "it must succeed; repeatable"))
      ->option_text("before:PHASE=FILE[!]|after:PHASE=FILE[!]")
      ->group("The takeover");
  app.add_option("--hook-timeout", raw.hook_timeout, "How long a hook may take to end (60s)")
      ->check(check_time)
      ->option_text("TIME")
      ->group("The takeover");
  repeatable(
      app.add_option("--break", raw.breakpoints,
                     "Stops before or after a phase, with a shell on the console; repeatable"))
      ->option_text("before:PHASE|after:PHASE")
      ->group("The takeover");
  app.add_option("--break-timeout", raw.break_timeout,
                 "How long it stops there at most, and what follows (10m: goes on then)")
      ->check(check_break_timeout)
      ->option_text("TIME[:continue|:reboot]")
      ->group("The takeover");
  app.add_option("--busybox", options.busybox,
                 "A static busybox, the shell where neither root has one (its own, or the host's)")
      ->check(check_not_empty)
      ->option_text("FILE")
      ->group("The takeover");
}

}  // namespace

void declare(CLI::App& app, Options& options, Raw& raw) {
  static const std::map<std::string, OnExit> on_exits{{"auto", OnExit::automatic},
                                                      {"menu", OnExit::menu},
                                                      {"reboot", OnExit::reboot},
                                                      {"poweroff", OnExit::poweroff},
                                                      {"restart", OnExit::restart}};
  static const std::map<std::string, image::Pull> pulls{{"always", image::Pull::always},
                                                        {"missing", image::Pull::missing},
                                                        {"never", image::Pull::never}};
  using Keep = Options::Keep;
  static const std::map<std::string, Keep> keeps{
      {"auto", Keep::automatic}, {"yes", Keep::yes}, {"no", Keep::no}};
  using Firewall = Options::Firewall;
  static const std::map<std::string, Firewall> firewalls{{"keep", Firewall::keep},
                                                         {"flush", Firewall::flush}};
  static const std::map<std::string, OnFailure> on_failures{{"shell", OnFailure::shell},
                                                            {"reboot", OnFailure::reboot}};

  // As with `docker run`, the last one counts.
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.description(description);
  app.formatter(std::make_shared<HelpText>());
  app.footer(footer);
  declare_switches(app, options);
  declare_image_overrides(app, options, raw);
  app.add_option("--init", raw.start,
                 "COMMAND becomes PID 1 (exec), or PID 1 looks after it (supervise)")
      ->check(CLI::IsMember({"auto", "exec", "supervise"}))
      ->option_text("auto|exec|supervise")
      ->group("The new system");
  app.add_option("--on-exit", options.on_exit,
                 "When a supervised COMMAND ends (auto: menu on a console, else reboot)")
      ->transform(one_of(on_exits))
      ->option_text("auto|menu|reboot|poweroff|restart")
      ->group("The new system");
  app.add_option("--console", options.console, "Where COMMAND has its terminal")
      ->check(check_console)
      ->option_text("auto|ttyN|ttyS0|none")
      ->group("The new system");
  app.add_option("--hostname", options.hostname, "Its hostname (the host's)")
      ->check(check_hostname)
      ->option_text("NAME")
      ->group("The new system");
  declare_host_files(app, options, raw);
  app.add_option("--root-size", raw.root_size,
                 "Size of its root, with K, M, G or T (from image and memory)")
      ->check(check_size)
      ->option_text("SIZE")
      ->group("The new system");

  app.add_option("--grace", raw.grace, "How long what handles SIGTERM may take to end (10s)")
      ->check(check_time)
      ->option_text("TIME")
      ->group("The takeover");
  app.add_option("--on-failure", options.on_failure,
                 "When it fails after the old system is gone (shell)")
      ->transform(one_of(on_failures))
      ->option_text("shell|reboot")
      ->group("The takeover");
  app.add_flag("--require-release", options.require_release,
               "No new system unless every disk of the old one is free")
      ->check(check_switch)
      ->group("The takeover");
  repeatable(app.add_option("--keep", options.keep,
                            "What is mounted there stays, at the same place; repeatable"))
      ->check(check_absolute)
      ->option_text("MOUNTPOINT")
      ->group("The takeover");
  app.add_option("--keep-network", options.keep_network,
                 "Addresses and routes stay as they are (auto: unless called from a local console)")
      ->transform(one_of(keeps))
      ->option_text("auto|yes|no")
      ->group("The takeover");
  app.add_option("--firewall", options.firewall,
                 "Whether the rules of nftables and iptables stay, or all go (keep)")
      ->transform(one_of(firewalls))
      ->option_text("keep|flush")
      ->group("The takeover");
  app.add_flag("--renew", options.renew,
               "The image's DHCP client renews leases (IPv4; for an image without an init)")
      ->check(check_switch)
      ->group("The takeover");
  app.add_flag("--write-network", options.write_network,
               "Also writes the network down for what the image configures it with")
      ->check(check_switch)
      ->group("The takeover");
  auto* const keep_ssh =
      app.add_option(
             "--keep-ssh", options.keep_ssh,
             "The host's ssh server comes along (auto: where it has one and the network is kept)")
          ->transform(one_of(keeps))
          ->option_text("auto|yes|no")
          ->group("The takeover");
  app.add_flag_callback(
         "--no-ssh", [&] { options.keep_ssh = Keep::no; }, "As --keep-ssh no")
      ->excludes(keep_ssh)
      ->group("The takeover");
  repeatable(app.add_option("--ssh-key", options.ssh_keys,
                            "A file of public keys that may log in, too; repeatable"))
      ->check(check_not_empty)
      ->option_text("FILE")
      ->group("The takeover");
  app.add_option("--rescue-ssh", options.rescue_port,
                 "The host's ssh server comes along in any case, and listens there, too")
      ->check(check_port)
      ->option_text("PORT")
      ->group("The takeover");
  app.add_option("--confirm-within", raw.confirm_within,
                 "The machine reboots into the system on its disk unless dboot-confirm is "
                 "typed in time (over ssh 10m)")
      ->check(check_confirmation)
      ->option_text("TIME|no")
      ->group("The takeover");
  app.add_option("--payload", options.payload,
                 "What PID 1 executes (the dboot-init of this program)")
      ->check(check_not_empty)
      ->option_text("PATH")
      ->group("The takeover");
  app.add_option("--host", options.engine_host,
                 "The engine's socket ($DOCKER_HOST, else unix:///var/run/docker.sock)")
      ->option_text("SOCKET")
      ->group("The takeover");
  app.add_option("--pull", options.pull,
                 "When the engine fetches IMAGE from its registry (missing)")
      ->transform(one_of(pulls))
      ->option_text("always|missing|never")
      ->group("The takeover");
  declare_hooks(app, options, raw);
  app.add_flag("--no-disk-log", options.no_disk_log,
               "No copy of the log in /var/log/dboot of the old system")
      ->check(check_switch)
      ->group("The takeover");
  repeatable(
      app.add_option("--log-to", options.log_to, "A copy of the log, as it is written; repeatable"))
      ->check(check_destination)
      ->option_text("udp:ADDRESS:PORT|ttyN|/PATH")
      ->group("The takeover");
  app.add_option("--save-log", options.save_log, "Leaves the whole log of a rehearsal in FILE")
      ->check(check_not_empty)
      ->option_text("FILE")
      ->group("The takeover");
  auto* const level = app.add_option("--log-level", raw.log_level,
                                     "How much is shown (info); payload.log has it all")
                          ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error"}))
                          ->option_text("trace|debug|info|warning|error")
                          ->group("The takeover");
  auto* const quieter =
      app.add_flag("-q", raw.quieter, "Warnings and errors only")->group("The takeover");
  auto* const louder = app.add_flag("-v", raw.louder, "More is shown; -vv: all that there is")
                           ->group("The takeover");
  quieter->excludes(level)->excludes(louder);
  louder->excludes(level);

  app.set_help_flag("-h,--help", "This text")->group("About");
  completion::declare(app)->group("About");
  app.set_version_flag("--version", "dboot-inject " DBOOT_VERSION, "The version")->group("About");
}

}  // namespace dboot::options
