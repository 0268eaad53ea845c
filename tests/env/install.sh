#!/bin/sh
# SPDX-License-Identifier: MIT
# What is installed suffices to build the README's example, in C and in C++.
set -u
. "$(dirname "$0")/../tap.sh"

dest=$tmp/dest
env -u MAKEFLAGS -u MAKELEVEL make -s -C "$OPV_SRC" install DESTDIR="$dest" prefix=/usr O="$OPV_BUILD" \
	>"$tmp/log" 2>&1
status=$?
[ $status = 0 ] || diag "$(tail -n 20 "$tmp/log")"
ok $status "make install DESTDIR= prefix=/usr"
if ! command -v pkg-config >/dev/null; then
	skip "the README's example builds against what is installed" "no pkg-config"
	done_testing
fi
pc=$(find "$dest" -name '*.pc' | head -n 1)
if [ -z "$pc" ]; then
	ok 1 "a .pc file is installed"
	done_testing
fi
name=$(basename "$pc" .pc)
conf() {
	PKG_CONFIG_PATH=$(dirname "$pc") PKG_CONFIG_SYSROOT_DIR=$dest \
		PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 pkg-config "$@" "$name"
}
cflags=$(conf --cflags) && libs=$(conf --libs)
ok $? "pkg-config knows $name"
libdir=$dest$(conf --variable=libdir | sed "s|^$dest||")

awk '/^```c$/ && !n { on = 1; n = 1; next } /^```/ { on = 0 } on' "$OPV_SRC/README.md" >"$tmp/example.c"
grep -q 'int main' "$tmp/example.c"
ok $? "the README begins with a program in C"
cp "$tmp/example.c" "$tmp/example.cc"

# try NAME COMPILER FILE ARGUMENT...
try() {
	what=$1
	shift
	if ! command -v "$1" >/dev/null; then
		skip "$what" "no $1"
		return
	fi
	# shellcheck disable=SC2086
	if "$@" -Wall -Wextra -Werror $cflags -o "$tmp/example" $libs -pthread >"$tmp/log" 2>&1; then
		LD_LIBRARY_PATH=$libdir timeout 60 "$tmp/example" >"$tmp/out" 2>&1
		status=$?
	else
		status=1
		cp "$tmp/log" "$tmp/out"
	fi
	[ $status = 0 ] || diag "$(head -n 20 "$tmp/out")"
	ok $status "$what"
}

for opt in -O0 -O2; do
	try "README's example in C, gcc $opt" gcc $opt "$tmp/example.c"
	try "README's example in C, clang $opt" clang $opt "$tmp/example.c"
	try "README's example in C++, g++ $opt" g++ $opt "$tmp/example.cc"
	try "README's example in C++, clang++ $opt" clang++ $opt "$tmp/example.cc"
done

cat >"$tmp/preload.c" <<'END'
#include <opv/opv.h>
#include <string.h>
int main(void) { return strcmp(opv_version(), VERSION); }
END
try "the version of the library is that of the file VERSION" gcc "$tmp/preload.c" \
	"-DVERSION=\"$(cat "$OPV_SRC/VERSION")\""
try "static linking against what is installed" gcc -static "$tmp/example.c"
"$dest/usr/bin/opv" --version >"$tmp/out" 2>&1
is "$(cat "$tmp/out")" "opv $(cat "$OPV_SRC/VERSION")" "the command is installed, and runs"
done_testing
