#!/bin/sh
# SPDX-License-Identifier: MIT
# The library can be loaded by hand, in a program that knows nothing of it.
set -u
. "$(dirname "$0")/../tap.sh"

$CC -std=gnu11 -O2 -g -o "$tmp/dlopen" \
	"$OPV_SRC/tests/env/prog/dlopen.c" -pthread -ldl
ok $? "a program without the library compiles"
timeout 60 "$tmp/dlopen" "$OPV_BUILD/libopv.so" >"$tmp/out" 2>&1
status=$?
[ $status = 0 ] || diag "exit status $status" "$(cat "$tmp/out")"
ok $status "loaded, used by old and new threads, closed and loaded again"
done_testing
