#!/bin/sh
# SPDX-License-Identifier: MIT
# Code with sections in it can be unloaded, and a thread that was in it can be
# preempted afterwards.
set -u
. "$(dirname "$0")/../tap.sh"

prog=$OPV_SRC/tests/env/prog
cc() {
	$CC -std=gnu11 -O2 -g -I"$OPV_SRC/include" "$@" -L"$OPV_BUILD" -Wl,-rpath,"$OPV_BUILD" -lopv
}

for opt in -O0 -O2; do
	cc $opt -rdynamic -o "$tmp/loader" "$prog/loader.c" -pthread -ldl &&
		cc $opt -fPIC -shared -o "$tmp/plugin.so" "$prog/plugin.c" &&
		cc $opt -fPIC -shared -D__PIE__=2 -o "$tmp/careless.so" "$prog/plugin.c"
	ok $? "program and plugins compile ($opt)"

	timeout 60 "$tmp/loader" "$tmp/plugin.so" 2000 >"$tmp/out" 2>&1
	status=$?
	diag "$(cat "$tmp/out")"
	if [ $status = 77 ]; then
		skip "a plugin with sections is unloaded ($opt)" "there are no sections here"
		continue
	fi
	ok $status "a plugin with sections is unloaded, nothing points into it any more ($opt)"

	# Compiled as code that stays, it would leave rseq_cs as it is.
	timeout 60 "$tmp/loader" "$tmp/careless.so" 2000 >"$tmp/out" 2>&1
	status=$?
	diag "exit status $status $(cat "$tmp/out")"
	[ $status = 139 ] || [ $status = 1 ]
	ok $? "without that the thread is left with a pointer into nothing, or killed for it ($opt)"
done
done_testing
