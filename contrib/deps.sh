#!/usr/bin/env bash
# Installs what some tests use beside Go: OpenLDAP's server and its command
# line tools. Where that is not possible the tests that need them say so and
# are skipped; this script never fails. With the argument "container" it says
# whether a container engine answers, and installs what images are made with.
set -u

missing=()
[ -x /usr/sbin/slapd ] || command -v slapd >/dev/null || missing+=(slapd)
command -v ldapmodify >/dev/null || missing+=(ldap-utils)
if [ "${1-}" = container ]; then
  if ! timeout 20 docker version >/dev/null 2>&1; then
    echo "deps: no container engine answers; the tests that need one are skipped"
    exit 0
  fi
  # Made once, kept under this tag (testenv/image.go).
  docker image inspect testenv-slapd:bookworm >/dev/null 2>&1 ||
    [ -x /usr/sbin/debootstrap ] || missing+=(debootstrap)
fi
[ ${#missing[@]} -eq 0 ] && exit 0

skip() {
  echo "deps: ${missing[*]} not installed ($1); the tests that need them are skipped"
  exit 0
}

command -v apt-get >/dev/null || skip "this system has no apt-get"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  sudo -n true 2>/dev/null || skip "needs root; run: sudo apt-get install ${missing[*]}"
  as_root=(sudo -n)
fi

# The tests start a slapd of their own; the package must not start one too.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi

install() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "${missing[@]}"
}
log=$(mktemp)
echo "deps: installing ${missing[*]}"
if ! install >"$log" 2>&1; then
  { "${as_root[@]}" apt-get update -q && install; } >"$log" 2>&1 || {
    tail -n 5 "$log"
    skip "apt-get failed"
  }
fi
rm -f "$log"
