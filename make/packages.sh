#!/bin/sh
# SPDX-License-Identifier: MIT
# packages.sh try|test: install what is missing for that, from Debian's packages.
# Says what; as root installs it, otherwise prints the line to run and exits 2.
set -u

# package, what shows that it is there (a command, or a path with a slash), who needs it
list() {
	cat <<'LIST'
gcc gcc try
libc6-dev /usr/include/stdio.h try
make make try
git git try
g++ g++ test
clang clang test
libclang-rt-14-dev /usr/share/doc/libclang-rt-14-dev test
lld ld.lld test
perl prove test
pkg-config pkg-config test
gdb gdb test
valgrind valgrind test
mandoc mandoc test
libxml2-utils xmllint test
procps ps test
util-linux setpriv test
binutils readelf test
python3-minimal python3 test
sqlite3 sqlite3 test
spin spin test
xz-utils xz test
libcap2-bin setcap test
groff-base groff test
man-db man test
musl-tools musl-gcc test
qemu-system-x86 qemu-system-x86_64 test
busybox-static /bin/busybox test
cpio cpio test
bc bc test
flex flex test
bison bison test
libelf-dev /usr/include/libelf.h test
redis-server redis-server test
redis-tools redis-benchmark test
libpython3.11-testsuite /usr/share/doc/libpython3.11-testsuite test
liburcu-dev /usr/share/doc/liburcu-dev test
libck-dev /usr/share/doc/libck-dev test
libjemalloc2 /usr/share/doc/libjemalloc2 test
libmimalloc2.0 /usr/share/doc/libmimalloc2.0 test
libtcmalloc-minimal4 /usr/share/doc/libtcmalloc-minimal4 test
LIST
}

missing() {
	list | while read -r package sign who; do
		[ "$who" = try ] || [ "$1" = test ] || continue
		case $sign in
		/*) [ -e "$sign" ] && continue ;;
		*) command -v "$sign" >/dev/null 2>&1 && continue ;;
		esac
		printf '%s ' "$package"
	done
}

# A mirror in the middle of an update, or a package manager that is busy, gets better.
again() {
	for wait in 5 15 30 0; do
		"$@" && return 0
		[ "$wait" = 0 ] || { echo "again in $wait s: $*" >&2; sleep "$wait"; }
	done
	return 1
}

packages=$(missing "${1:?try or test}")
[ -n "$packages" ] || exit 0
if ! command -v apt-get >/dev/null 2>&1; then
	echo "missing, and there is no apt-get to install it: $packages" >&2
	exit 2
fi
if [ "$(id -u)" != 0 ]; then
	echo "Some packages are missing.  As root, run:" >&2
	echo "  apt-get install --no-install-recommends $packages" >&2
	exit 2
fi
echo "installing: $packages"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # a list of words
if ! { again apt-get update -q && again apt-get install -y -q --no-install-recommends $packages; } >"$log" 2>&1; then
	tail -n 20 "$log" >&2
	echo "could not install: $packages" >&2
	exit 1
fi
packages=$(missing "$1")
[ -z "$packages" ] || { echo "installed, and still not found: $packages" >&2; exit 1; }
