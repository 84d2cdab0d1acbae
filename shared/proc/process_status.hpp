#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dboot {

/// What /proc/PID/status and /proc/PID/stat tell (proc_pid_status(5), proc_pid_stat(5)).
struct ProcessStatus {
  pid_t pid = 0;
  pid_t parent = 0;
  std::string name;                   ///< comm, as the kernel escapes it
  char state = '?';                   ///< R, S, D, Z, T, t, X, I
  pid_t tracer = 0;                   ///< 0: none
  std::vector<pid_t> namespace_pids;  ///< NSpid: from the reader's namespace inwards
  std::uint64_t ignored = 0;          ///< SigIgn; bit n-1 is signal n
  std::uint64_t caught = 0;           ///< SigCgt
  std::uint64_t blocked = 0;          ///< SigBlk
  std::uint64_t pending = 0;          ///< SigPnd | ShdPnd
  pid_t group = 0;                    ///< its process group; 0: of an outer PID namespace
  pid_t session = 0;                  ///< the pid of its session's leader
  dev_t terminal = 0;                 ///< the controlling one; 0: none
  int threads = 0;                    ///< of the whole process
  std::uint64_t started = 0;          ///< ticks since boot; tells two processes of one pid apart
  bool kernel_thread = false;         ///< flags has PF_KTHREAD
};

/// The bit of a signal in the masks above.
constexpr std::uint64_t signal_bit(int signal) {
  return std::uint64_t{1} << (signal - 1);
}

/// Combines the texts of status and stat; empty when either is not what it should be (the process
/// ended).
std::optional<ProcessStatus> parse_process_status(std::string_view status, std::string_view stat);

/// Reads both files below /proc. Neither takes the process's mmap_lock. (Who reads them while the
/// process ends may be the one that frees its memory.)
std::optional<ProcessStatus> read_process_status(pid_t pid);

/// The same of the process whose directory below /proc is open as `process_directory`.
std::optional<ProcessStatus> read_process_status_at(int process_directory);

/// What there is to know of the many that are nothing to look at, for a part of the work.
struct Glance {
  pid_t parent = 0;
  bool kernel_thread = false;
  bool ended = false;  ///< with all its threads: a zombie
};

/// Empty for one that is not there.
std::optional<Glance> glance_at(pid_t pid);

/// Where in the kernel a process sleeps; "?" when that cannot be read.
std::string wait_channel(pid_t pid);

/// The pids below /proc, in ascending order.
std::vector<pid_t> list_processes();

}  // namespace dboot
