#!/bin/sh
# SPDX-License-Identifier: MIT
# Under valgrind, which has no rseq, everything works and memcheck has nothing to say.
set -u
. "$(dirname "$0")/../tap.sh"

if ! command -v valgrind >/dev/null; then
	skip "under valgrind everything works" "no valgrind"
	done_testing
fi
$CC -std=gnu11 -O1 -g -I"$OPV_SRC/include" -o "$tmp/works" "$OPV_SRC/tests/env/prog/works.c" \
	"$OPV_BUILD/libopv.a" -pthread
ok $? "the program compiles"
timeout 120 valgrind --log-file="$tmp/log" --error-exitcode=9 --leak-check=no "$tmp/works" slow 200 >"$tmp/out" 2>&1
status=$?
[ $status = 0 ] || diag "$(cat "$tmp/out" "$tmp/log")"
ok $status "under valgrind everything works"
like "$(cat "$tmp/log")" 'ERROR SUMMARY: 0 errors' "memcheck has nothing to say"
timeout 120 valgrind --log-file="$tmp/log" --error-exitcode=9 "$OPV_BUILD/opv" stress -n 400 -t 2 --no-migrate --no-fork \
	--seed 3 >"$tmp/out" 2>&1
status=$?
[ $status = 0 ] || diag "$(cat "$tmp/out" "$tmp/log")"
ok $status "under valgrind nothing is lost under stress, with signals"
done_testing
