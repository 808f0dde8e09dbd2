#!/usr/bin/env bash
# Starts the site of conf/demo.toml, says what to open, stops it on Ctrl-C. ./dev run builds first and calls this.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"
. tools/common.sh

program=${GENKAN_BIN:-build/genkan}
conf=conf/demo.toml
state=${GENKAN_STATE_DIR:-$ROOT/.demo}
[ -x "$program" ] || fail "$EX_UNAVAILABLE" "there is no $program: ./dev run builds it"
mkdir -p "$state" || fail "$EX_CANTCREAT" "cannot make the folder $state"
chmod 700 "$state"

taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# choose NAME DEFAULT WHAT: exports NAME, the port to use. A port that the caller chose is not replaced.
choose() {
  local name=$1 port=$2 what=$3
  if [ -n "${!name:-}" ]; then
    if taken "${!name}"; then fail "$EX_TEMPFAIL" "$name=${!name}: something listens there already"; fi
    return
  fi
  if taken "$port"; then
    local other=$((port + 1))
    while taken "$other"; do other=$((other + 1)); done
    say "Port $port ($what) is taken; using $other"
    port=$other
  fi
  export "$name=$port"
}
choose GENKAN_HTTP_PORT 8080 HTTP
choose GENKAN_HTTPS_PORT 8443 HTTPS
choose GENKAN_SMTP_PORT 8025 SMTP
choose GENKAN_ADMIN_PORT 9070 "status page"
export GENKAN_STATE_DIR=$state

user=demo@demo.example
if [ ! -s "$state/demo-password" ]; then
  (umask 077 && head -c 9 /dev/urandom | base64 | tr '+/' 'ab' >"$state/demo-password")
  "$program" user add -c "$conf" --name "Demo" "$user" <"$state/demo-password" >/dev/null ||
    { rm -f "$state/demo-password" && fail "$EX_SOFTWARE" "could not make the user $user"; }
fi
password=$(<"$state/demo-password")

log=$state/genkan.log
: >"$log"
# In a session of its own, so that Ctrl-C reaches this script only and the stop is always the planned one.
setsid "$program" run -c "$conf" >>"$log" 2>&1 &
pid=$!
# shellcheck disable=SC2317  # called by the trap
stop() {
  trap '' INT TERM
  echo >&2
  say "Stopping"
  kill -TERM "$pid" 2>/dev/null || true
  local code=0
  wait "$pid" || code=$?
  [ "$code" = 0 ] || { tail -n 15 "$log" >&2 && fail "$EX_SOFTWARE" "it ended with $code; its log: $log"; }
  say "Stopped. The mail and users of the demo stay in $state"
  exit 0
}
trap stop INT TERM

ready() {
  local status
  exec 3<>"/dev/tcp/127.0.0.1/$GENKAN_ADMIN_PORT" || return 1
  printf 'GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
  read -r -t 2 _ status _ <&3 || true
  exec 3>&-
  [ "${status:-}" = 200 ]
}
for ((i = 0; ; i++)); do
  if ready 2>/dev/null; then break; fi
  if ! kill -0 "$pid" 2>/dev/null; then
    tail -n 15 "$log" >&2
    fail "$EX_SOFTWARE" "the program did not start; its log: $log"
  fi
  [ "$i" -lt 300 ] || { kill "$pid" && fail "$EX_SOFTWARE" "not ready after 30 s; its log: $log"; }
  sleep 0.1
done

[ -t 1 ] || bold='' reset=''
cat <<END

${bold}The demo site is up.${reset} Open in a browser on this machine:

  The site          http://127.0.0.1:$GENKAN_HTTP_PORT/
  over HTTPS        https://127.0.0.1:$GENKAN_HTTPS_PORT/   (its certificate is made for the demo: the browser will warn)
  The webmail       http://127.0.0.1:$GENKAN_HTTP_PORT/webmail/
                    login $user   password $password
  The status page   http://127.0.0.1:$GENKAN_ADMIN_PORT/

Send a mail to the demo user (SMTP is on port $GENKAN_SMTP_PORT), then look into the webmail:

  swaks --server 127.0.0.1:$GENKAN_SMTP_PORT --from you@example.org --to $user --header 'Subject: hello'

  printf 'Subject: hello\r\n\r\nIt works.\r\n' | curl -sS smtp://127.0.0.1:$GENKAN_SMTP_PORT --mail-from you@example.org --mail-rcpt $user -T -

Its log is $log. Ctrl-C stops it.
END
code=0
wait "$pid" || code=$?
tail -n 15 "$log" >&2
fail "$EX_SOFTWARE" "the program ended by itself with $code; its log: $log"
