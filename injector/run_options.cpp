#include "injector/run_options.hpp"

#include <algorithm>
#include <array>

#include "shared/proc/fields.hpp"

namespace dboot::run_options {
namespace {

struct Group {
  std::string_view options;
  const char* why;
  const char* mend;
};

constexpr std::array<Group, 9> groups{{
    {"-i -it -ti --interactive --tty -a --attach --detach-keys --sig-proxy",
     "COMMAND has the machine's console, or in a rehearsal this terminal, without being asked for",
     "leave it out; -t and -T are about a rehearsal's terminal"},
    {"--rm -d --detach --name --restart --cidfile -l --label --label-file --annotation "
     "--health-cmd --no-healthcheck --log-driver --log-opt --quiet",
     "there is no container that would be kept, named or looked after", "leave it out"},
    {"-v --volume --volumes-from --volume-driver --mount --tmpfs --storage-opt",
     "nothing of the old system is mounted in the new one",
     "take files along with --copy HOSTPATH[:PATH], or mount a disk in the new system"},
    {"-p -P --publish --publish-all --expose --network --net --network-alias --net-alias --ip "
     "--ip6 --link --link-local-ip --mac-address",
     "the new system has the machine's own network",
     "leave it out; --keep-network and --write-network say what becomes of its addresses"},
    {"--dns --dns-opt --dns-option --dns-search --add-host --domainname",
     "the new system has the host's name servers", "leave it out, or put it into the image"},
    {"--privileged --cap-add --cap-drop --device --device-cgroup-rule --gpus --security-opt "
     "--group-add --read-only --runtime --isolation --cgroup-parent --cgroupns --pid --ipc --uts "
     "--userns",
     "the new system is the whole machine, with all of its rights and devices", "leave it out"},
    {"-m --memory --memory-reservation --memory-swap --memory-swappiness -c --cpus --cpu-shares "
     "--cpuset-cpus --cpuset-mems --cpu-period --cpu-quota --blkio-weight --shm-size --pids-limit "
     "--ulimit --oom-kill-disable --oom-score-adj --sysctl",
     "the new system has all of the machine's processors and memory",
     "leave it out; --root-size bounds what its root may take"},
    {"--platform --disable-content-trust", "the image must be one for this machine",
     "leave it out; of an index the manifest for this machine is taken"},
    {"--stop-signal --stop-timeout", "a machine is not stopped from outside",
     "leave it out; --grace says how long the old processes may take"},
}};

}  // namespace

std::optional<Advice> about(std::string_view option) {
  auto name = option.substr(0, option.find('='));
  // "-itd": a terminal, whatever else.
  constexpr std::string_view in_one_word = "itdP";
  const bool is_word_of_them = name.size() > 2 && name.front() == '-' &&
                               name.find_first_not_of(in_one_word, 1) == std::string_view::npos;
  if (is_word_of_them) name = "-i";
  // "-v/a:/b", of which -v has been taken.
  if (name.starts_with("-/")) name = "--volume";
  for (const auto& [options, why, mend] : groups) {
    const auto names = words_of(options);
    if (std::find(names.begin(), names.end(), name) != names.end()) return Advice{why, mend};
  }
  return std::nullopt;
}

}  // namespace dboot::run_options
