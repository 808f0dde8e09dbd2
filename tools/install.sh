# shellcheck shell=bash
# Installs the Debian packages that a verb needs and that are not there. Sourced by ./dev, after common.sh.
# Nothing that is installed here may start a service: a policy-rc.d forbids it for as long as apt runs.

declare -A PACKAGES=(
  [build]="g++ cmake ninja-build pkg-config ccache mold ca-certificates libboost1.81-dev libssl-dev libnghttp2-dev
    libc-ares-dev libmemcached-dev libre2-dev libtomlplusplus-dev libcli11-dev libsqlite3-dev zlib1g-dev
    libbrotli-dev libzstd-dev libargon2-dev libicu-dev libcap-dev libpsl-dev"
  [run]="curl swaks openssl"
  [unit]="libgtest-dev libgmock-dev python3 python3-pytest"
  [peers]="nginx-light haproxy postfix swaks goaccess rsyslog rsyslog-openssl keepalived memcached dovecot-imapd dovecot-lmtpd dovecot-sieve wrk
    nghttp2-client nghttp2-proxy python3-h2 python3-hpack python3-grpcio python3-websockets iproute2 iputils-ping openssl stress-ng
    curl procps opendkim python3-dkim python3-nacl python3-authres python3-spf publicsuffix pebble
    python3-cryptography tcpdump unbound ldnsutils python3-yaml"
  [browser]="chromium"
  [bench]="python3 nginx-light haproxy nghttp2-proxy postfix strace wrk nghttp2-client openssl procps"
  [fuzz]="clang-14 libclang-rt-14-dev"
  [lint]="clang-format clang-tidy-14 shellcheck python3"
  [package]="dpkg-dev binutils"
  [image]="buildah debootstrap"
)
# Of these, apt would leave services that start with the machine.
SERVICES=(nginx haproxy postfix keepalived memcached dovecot nghttpx opendkim unbound)

# missing_packages NAME...: those that are not installed, one a line.
missing_packages() {
  local installed
  # It ends with 1 when it does not know one of them.
  # shellcheck disable=SC2016  # the format is dpkg-query's, not ours
  installed=$({ dpkg-query -W -f='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true; } |
    awk '$2 == "installed" { print $1 }')
  printf '%s\n' "$@" | sort -u | grep -vxF -f <(printf '%s\n' "$installed" '-') || true
}

# Node 18 or later with npm, from wherever it comes; Debian's packages when there is none.
node_packages() {
  if ! have node || [ "$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)" -lt 18 ]; then
    echo nodejs
  fi
  have npm || echo npm
}

# ensure SET...: installs what is missing of the sets build, run, unit, peers, browser, bench, fuzz, lint, package, image.
ensure() {
  local set list=() want=()
  for set in "$@"; do
    read -r -a list -d '' <<<"${PACKAGES[$set]}" || true
    want+=("${list[@]}")
    if [ "$set" = build ]; then mapfile -t -O "${#want[@]}" want < <(node_packages); fi
  done
  if ! have apt-get || ! have dpkg-query; then
    note "this is no Debian: not looking for packages (on Debian 12 these would be: ${want[*]})"
    return
  fi
  local missing
  mapfile -t missing < <(missing_packages "${want[@]}")
  [ "${#missing[@]}" -gt 0 ] || return 0
  if [ "${GENKAN_INSTALL:-yes}" = no ]; then
    fail "$EX_UNAVAILABLE" "these packages are missing and --no-install was given. To install them:
  $([ "$(id -u)" = 0 ] || echo 'sudo ')apt-get install --no-install-recommends ${missing[*]}"
  fi
  say "Installing ${#missing[@]} Debian packages: ${missing[*]}"
  install_packages "${missing[@]}"
}

policy_made=''
remove_policy() {
  if [ -n "$policy_made" ]; then
    as_root rm -f /usr/sbin/policy-rc.d
    policy_made=''
  fi
}

install_packages() {
  local log=$ROOT/build/install.log
  mkdir -p "$ROOT/build"
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    note "for the time of the installation /usr/sbin/policy-rc.d forbids that services start"
    trap remove_policy EXIT
    policy_made=yes
    printf '#!/bin/sh\nexit 101\n' | as_root tee /usr/sbin/policy-rc.d >/dev/null
    as_root chmod 755 /usr/sbin/policy-rc.d
  fi
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
  note "apt-get update"
  if ! as_root "${apt[@]}" update >"$log" 2>&1; then note "apt-get update had errors; trying with the lists at hand"; fi
  note "apt-get install (what it says is in ${log#"$ROOT"/})"
  if ! as_root "${apt[@]}" install --no-install-recommends "$@" >>"$log" 2>&1; then
    tail -n 15 "$log" >&2
    fail "$EX_UNAVAILABLE" "apt-get could not install the packages; the whole log is $log"
  fi
  remove_policy
  keep_services_off "$@"
}

# The peers of the tests are started by the tests; they shall not start with the machine because of us.
keep_services_off() {
  [ -d /run/systemd/system ] || return 0
  local service
  for service in "${SERVICES[@]}"; do
    local package=$service
    [ "$service" != nghttpx ] || package=nghttp2-proxy
    if [[ " $* " == *" $package"* ]]; then
      note "systemctl disable $service (it came with the packages; to have it as a service: systemctl enable $service)"
      as_root systemctl disable --quiet "$service" 2>/dev/null || true
    fi
  done
}
