#pragma once

namespace dboot::guardian {

/// The program that people know it by.
inline constexpr const char* client_name = "dboot-confirm";

/// Its main(): asks the guardian for what its options say. The exit status is 0 when that was
/// obeyed, 1 when not, 2 for a command line that is none.
int run_client(int argc, char** argv);

}  // namespace dboot::guardian
