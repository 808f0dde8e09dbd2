#!/usr/bin/env bash
# Builds the container image: with docker when an engine answers, else with buildah in a chroot on a base that debootstrap
# makes. usage: tools/image.sh [--run]    --run: start the program from the image's root file system and ask /healthz.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"
. tools/common.sh
# shellcheck source=tools/install.sh
. tools/install.sh

version=$(sed -n 's/^project(genkan VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
image=localhost/genkan:$version
base=localhost/genkan-base:bookworm

build_with_docker() {
  say "Building $image with docker"
  docker build -t "$image" -f docker/Dockerfile .
}

# A base image without a registry: Debian 12, minimal, with this machine's package sources and certificates.
make_base() {
  buildah inspect --type image "$base" >/dev/null 2>&1 && return
  local folder=$ROOT/build/image/base container
  say "Making the base image with debootstrap"
  if [ ! -e "$folder/etc/debian_version" ]; then
    mkdir -p "$folder"
    debootstrap --variant=minbase --include=ca-certificates bookworm "$folder" >build/image/debootstrap.log ||
      fail "$EX_UNAVAILABLE" "debootstrap failed: build/image/debootstrap.log"
  fi
  if compgen -G '/etc/apt/sources.list.d/debian*.sources' >/dev/null; then
    rm -f "$folder/etc/apt/sources.list"
    cp /etc/apt/sources.list.d/debian*.sources "$folder/etc/apt/sources.list.d/"
  fi
  if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
    cp /usr/local/share/ca-certificates/*.crt "$folder/usr/local/share/ca-certificates/"
    chroot "$folder" update-ca-certificates >/dev/null 2>&1
  fi
  container=$(buildah from scratch)
  buildah add --quiet "$container" "$folder" / >/dev/null
  buildah commit --quiet "$container" "$base" >/dev/null
  buildah rm "$container" >/dev/null
}

build_with_buildah() {
  [ "$(id -u)" = 0 ] || fail "$EX_UNAVAILABLE" "building without a docker engine needs root (chroot): sudo ./dev docker"
  ensure image
  mkdir -p build/image
  make_base
  say "Building $image with buildah (compiles inside the image: some minutes)"
  buildah bud --isolation=chroot --ulimit nofile=20000:20000 --build-arg "BASE=$base" -t "$image" -f docker/Dockerfile . \
    >build/image/bud.log 2>&1 || { tail -n 20 build/image/bud.log >&2 && fail "$EX_SOFTWARE" "buildah failed: build/image/bud.log"; }
}

# Starts the image's own command, as its user, in its root file system, and asks its health check.
run_from_image() {
  local container root pid rc=1 i
  container=$(buildah from "$image")
  root=$(buildah mount "$container")
  mount -t proc proc "$root/proc"
  chroot --userspec=genkan:genkan "$root" /usr/sbin/genkan run -c /etc/genkan/genkan.toml >build/image/run.log 2>&1 &
  pid=$!
  for ((i = 0; i < 100; i++)); do
    if chroot --userspec=genkan:genkan "$root" /usr/local/bin/healthcheck 2>/dev/null; then
      rc=0
      break
    fi
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -TERM "$pid" 2>/dev/null || true
  wait "$pid" || rc=1
  umount "$root/proc"
  buildah umount "$container" >/dev/null
  buildah rm "$container" >/dev/null
  [ "$rc" = 0 ] || { tail -n 20 build/image/run.log >&2 && fail "$EX_SOFTWARE" "the program did not run well from the image"; }
  say "The program started from the image's root file system, /healthz answered, it stopped cleanly"
}

mkdir -p build/image
engine=buildah
if have docker && docker info >/dev/null 2>&1; then engine=docker; fi
"build_with_$engine"
say "Made $image"
if [ "${1:-}" = --run ]; then
  if [ "$engine" = docker ]; then
    docker run --rm --detach --name genkan-try "$image" >/dev/null
    sleep 5
    docker exec genkan-try /usr/local/bin/healthcheck && say "/healthz answered"
    docker stop genkan-try >/dev/null
  else
    run_from_image
  fi
fi
