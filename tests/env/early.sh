#!/bin/sh
# SPDX-License-Identifier: MIT
# Everything works before constructors have run.
set -u
. "$(dirname "$0")/../tap.sh"

prog=$OPV_SRC/tests/env/prog/early.c
cc() {
	$CC -std=gnu11 -O2 -g -I"$OPV_SRC/include" "$@"
}

# try NAME ARGUMENT...
try() {
	name=$1
	shift
	if cc -o "$tmp/early" "$@" >"$tmp/out" 2>&1; then
		timeout 60 "$tmp/early" >"$tmp/out" 2>&1
		status=$?
	else
		status=1
	fi
	[ $status = 0 ] || diag "exit status $status" "$(cat "$tmp/out")"
	ok $status "$name"
}

try "in preinit and a first constructor, static library" "$prog" "$OPV_BUILD/libopv.a"
try "in preinit and a first constructor, shared library" "$prog" \
	-L"$OPV_BUILD" -Wl,-rpath,"$OPV_BUILD" -lopv
try "in preinit and a first constructor, static program" -static "$prog" "$OPV_BUILD/libopv.a"
cc -DEARLY_LIBRARY -fPIC -shared -o "$tmp/libearly.so" "$prog" -L"$OPV_BUILD" \
	-Wl,-rpath,"$OPV_BUILD" -lopv
ok $? "a library with a first constructor compiles"
try "in a constructor of a library that is loaded before" -DHAVE_EARLY_LIBRARY "$prog" \
	-L"$tmp" -Wl,-rpath,"$tmp:$OPV_BUILD" -learly -L"$OPV_BUILD" -lopv
try "in an IFUNC resolver" -DWITH_IFUNC -fno-pie -no-pie -Wl,-z,lazy "$prog" "$OPV_BUILD/libopv.a"
done_testing
