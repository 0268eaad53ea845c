#!/bin/sh
# SPDX-License-Identifier: MIT
# Where the C library leaves rseq alone, this one registers it, thread by thread.
set -u
. "$(dirname "$0")/../tap.sh"

$CC -std=gnu11 -O2 -g -I"$OPV_SRC/include" -o "$tmp/works" "$OPV_SRC/tests/env/prog/works.c" \
	"$OPV_BUILD/libopv.a" -pthread
ok $? "the program compiles"
if ! "$tmp/works" fast >"$tmp/out"; then
	skip "with glibc.pthread.rseq=0 calls are made by sections" "$(sed -n 's/.*why=//p' "$tmp/out")"
	done_testing
fi
if grep -q owner=2 "$tmp/out"; then
	skip "with glibc.pthread.rseq=0 libopv registers rseq" "this C library never does it itself"
	done_testing
fi
GLIBC_TUNABLES=glibc.pthread.rseq=0 timeout 60 "$tmp/works" fast >"$tmp/out" 2>&1
status=$?
[ $status = 0 ] || diag "$(cat "$tmp/out")"
ok $status "with glibc.pthread.rseq=0 calls are made by sections in all threads"
like "$(cat "$tmp/out")" 'owner=2' "with glibc.pthread.rseq=0 libopv registered rseq"
GLIBC_TUNABLES=glibc.pthread.rseq=0 timeout 100 "$OPV_BUILD/opv" stress -d 1 --seed 5 >"$tmp/out" 2>&1
status=$?
[ $status = 0 ] || diag "$(cat "$tmp/out")"
ok $status "with glibc.pthread.rseq=0 nothing is lost under stress"
done_testing
