#!/usr/bin/env bash
# Builds the container image: with docker when an engine answers, else with buildah in a chroot on a base that debootstrap
# makes. Then starts `genkan run` from the image's root file system (tests/image). usage: tools/image.sh
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
  # Such as that a mirror frozen in time may be used.
  apt-config dump --format '%f "%v";%n' Acquire::Check-Valid-Until Acquire::Check-Date >"$folder/etc/apt/apt.conf.d/90as-the-host"
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
  ensure image unit
  mkdir -p build/image
  make_base
  say "Building $image with buildah (compiles inside the image: some minutes)"
  # Docker's format: the other one has no health check.
  buildah bud --format docker --isolation=chroot --ulimit nofile=20000:20000 --build-arg "BASE=$base" -t "$image" -f docker/Dockerfile . \
    >build/image/bud.log 2>&1 || { tail -n 20 build/image/bud.log >&2 && fail "$EX_SOFTWARE" "buildah failed: build/image/bud.log"; }
}

# tests/image against the image's root file system, mounted by buildah.
try_with_buildah() {
  local container root rc=0
  buildah inspect --type image "$image" >build/image/inspect.json
  container=$(buildah from "$image")
  root=$(buildah mount "$container")
  mount -t proc proc "$root/proc"
  GENKAN_IMAGE_ROOT=$root GENKAN_IMAGE_INSPECT=$ROOT/build/image/inspect.json \
    /usr/bin/python3 -m pytest -q -p no:cacheprovider --tb=short tests/image >&2 || rc=1
  umount "$root/proc"
  buildah umount "$container" >/dev/null
  buildah rm "$container" >/dev/null
  [ "$rc" = 0 ] || fail "$EX_SOFTWARE" "the program did not run well from the image"
}

try_with_docker() {
  local id i rc=1
  id=$(docker run --rm --detach "$image")
  for ((i = 0; i < 300; i++)); do
    if docker exec "$id" /usr/local/bin/healthcheck 2>/dev/null; then
      rc=0
      break
    fi
    sleep 0.1
  done
  docker stop "$id" >/dev/null || rc=1
  [ "$rc" = 0 ] || fail "$EX_SOFTWARE" "the program did not run well from the image"
}

mkdir -p build/image
engine=buildah
if have docker && docker info >/dev/null 2>&1; then engine=docker; fi
"build_with_$engine"
say "Made $image"
say "Trying it"
"try_with_$engine"
say "The program ran from the image, its health check answered, it stopped cleanly"
