#pragma once

namespace dboot::attach {

/// The name that a program is called by to be it.
inline constexpr const char* client_name = "dboot-attach";

/// Attaches the terminal on 0 and 1, or what else stands there, to the command of this system.
/// Returns its exit status: 0 when it was left, or the command has ended.
int run_client(int argc, char** argv);

}  // namespace dboot::attach
