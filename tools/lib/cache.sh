# shellcheck shell=bash
# Things that are slow to make are kept in a cache, under a name that holds a hash of what they are made from.

exec {terminal}>&2
say() { printf '%s: %s\n' "${0##*/}" "$*" >&"$terminal"; }
die() { say "$*"; exit 1; }

# cached NAME MAKE INPUT…: prints the directory that holds what the function MAKE makes in the directory it is called
# with. INPUTs are the words it depends on; the calling script and this file count as well. Two callers at the same
# time make it once; an interrupted one leaves nothing that counts as made.
cached() {
  local name=$1 make=$2 hash directory log
  shift 2
  cache=${DBOOT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dboot}
  hash=$(cat "$0" "${BASH_SOURCE[0]}" - <<<"$*" | sha256sum | cut -c1-16)
  directory=$cache/$name-$hash
  log=$cache/$name.log
  mkdir -p "$cache"
  if [[ ! -d $directory ]]; then
    exec {lock}>"$cache/$name.lock"
    flock "$lock"
    if [[ ! -d $directory ]]; then
      # What an older script has made is of no use any more: the same name, with another hash.
      rm -rf "${cache:?}/$name-"????????????????{,.partial}
      say "making $name: this takes minutes, and once only"
      mkdir "$directory.partial"
      # Not standard error, which may be the log still.
      # shellcheck disable=SC2064  # expanded now: the names are gone by then
      trap "cat ${log@Q} >&$terminal" EXIT
      "$make" "$directory.partial" >"$log" 2>&1
      trap - EXIT
      mv "$directory.partial" "$directory"
    fi
    exec {lock}>&-
  fi
  printf '%s\n' "$directory"
}
