#pragma once

#include "shared/command_line/completion.hpp"

/// What a shell may put in where a command line of dboot-inject goes on.
namespace dboot::completions {

/// The places for --hook and --break; images, by their transports, of the engines and in files.
completion::Hints hints();

}  // namespace dboot::completions
