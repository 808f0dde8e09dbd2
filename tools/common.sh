# shellcheck shell=bash
# What every verb of ./dev uses. Sourced, never run.
# Exit codes are those of sysexits.h, as operators' scripts expect them.
EX_USAGE=64 EX_UNAVAILABLE=69 EX_SOFTWARE=70 EX_CANTCREAT=73 EX_TEMPFAIL=75
export EX_USAGE EX_UNAVAILABLE EX_SOFTWARE EX_CANTCREAT EX_TEMPFAIL

bold='' dim='' red='' reset=''
if [ -t 2 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
  bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' reset=$'\e[0m'
fi

# Progress and advice go to standard error; standard output is for results.
say() { printf '%s\n' "${bold}==>${reset} $*" >&2; }
note() { printf '%s\n' "    ${dim}$*${reset}" >&2; }
# fail CODE MESSAGE...: ends the script.
fail() {
  local code=$1
  shift
  printf '%s\n' "${red}./dev: $*${reset}" >&2
  exit "$code"
}
have() { command -v "$1" >/dev/null 2>&1; }

# as_root COMMAND...: through sudo when we are not root.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif have sudo; then
    sudo -- "$@"
  else
    fail "$EX_UNAVAILABLE" "needs root for '$*': there is no sudo; run it as root"
  fi
}
