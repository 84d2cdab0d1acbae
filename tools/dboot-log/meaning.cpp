#include "tools/dboot-log/meaning.hpp"

#include <algorithm>

namespace dboot::meaning {

using log::Level;
using log::Record;

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> texts) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

bool is_the_injectors(std::string_view phase) {
  return is_one_of(phase, {"preflight", "image", "inject"});
}

bool is_of_the_new_system(std::string_view phase) {
  return is_one_of(phase, {"start", "supervise"});
}

bool frees(const Record& record) {
  if (record.message == "call")
    return record.fact("name") == "umount2" && record.fact("result") == "ok";
  if (record.message == "released") return record.fact("device").has_value();
  return is_one_of(record.message, {"swap detached", "device taken apart"});
}

bool stays_busy(const Record& record) {
  return record.level >= Level::warning &&
         is_one_of(record.message,
                   {"still busy", "still busy, detached", "unmount hangs", "not unmounted",
                    "swap stays", "device stays", "mapping may not answer", "disks stay busy",
                    "binfmt_misc stays", "NFS server stays", "keys stay", "connection stays",
                    "process survives SIGKILL", "disk not unmounted"});
}

bool leaves_out(const Record& record) {
  return is_one_of(record.message,
                   {"skipped in a namespace", "this payload has no such phase",
                    "no console for a shell: going on", "no shell: going on", "going on without it",
                    "not mounted", "storage daemons not looked for", "no log there",
                    "no log on the disk", "no kernel log", "no console", "no console at all",
                    "no switch", "its disks are not known, nor looked at",
                    "more output is left out", "something is mounted there, which is left out",
                    "not synced", "watchdog not fed: it will reset the machine"});
}

bool is_the_end_of(const Record& record) {
  return is_one_of(record.message, {"finished", "failed"}) && record.fact("duration");
}

}  // namespace dboot::meaning
