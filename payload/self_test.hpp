#pragma once

namespace dboot {

/// Runs what every takeover needs: the event loop, the log, the plan. The injector runs it before
/// the point of no return, to see that the program is whole. Prints nothing. The exit status: 0 for
/// good.
int self_test() noexcept;

}  // namespace dboot
