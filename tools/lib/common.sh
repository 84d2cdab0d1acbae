# shellcheck shell=bash
# Common to tools/try, tools/test and tools/bench.

# The command as root: a takeover needs it, even a rehearsed one.
as_root() {
  if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

# use_ccache: compiles through ccache where that is installed.
use_ccache() {
  if command -v ccache >/dev/null; then export CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER-ccache}; fi
}
