#pragma once

#include "shared/system/unique_fd.hpp"

/// The PID 1 of a rehearsal, before it is taken over: it furnishes its namespaces and then sits in
/// pause().
namespace dboot::stub_init {

class Channel;

/// What the stub has on 0 to 2; none of them: its console.
struct Pipes {
  UniqueFd input;
  UniqueFd output;
  UniqueFd error;
};

/// In the stub, as PID 1 of new PID, mount, UTS, IPC, network and cgroup namespaces. `contained`:
/// see containment. Never returns.
[[noreturn]] void run(Channel& channel, const Pipes& pipes, bool contained) noexcept;

/// What the stub leaves to the injector.
struct Parts {
  UniqueFd console;  ///< the master of its pseudo terminal
  UniqueFd calls;    ///< see containment::filter_calls(); empty when it is not contained
};

/// How the stub hands its parts to the injector, or says why it could not come up.
class Channel {
 public:
  Channel();

  /// In the injector, once the namespaces are furnished. Throws Failure with the stub's reason.
  Parts receive(bool contained);

 private:
  friend void run(Channel& channel, const Pipes& pipes, bool contained) noexcept;

  UniqueFd injector_;
  UniqueFd stub_;
};

}  // namespace dboot::stub_init
