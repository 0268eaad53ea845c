#!/bin/sh
# SPDX-License-Identifier: MIT
# Everything works under a policy that refuses system calls from the start, as
# fast as the rest of them allows.
set -u
. "$(dirname "$0")/../tap.sh"

cc() {
	$CC -std=gnu11 -O2 -g -I"$OPV_SRC/include" "$@"
}

cc -o "$tmp/filter" "$OPV_SRC/tests/env/prog/filter.c" &&
	cc -o "$tmp/works" "$OPV_SRC/tests/env/prog/works.c" "$OPV_BUILD/libopv.a" -pthread
ok $? "the programs compile"

"$tmp/filter" madvise EPERM true 2>/dev/null
if [ $? = 77 ]; then
	skip "a policy that refuses system calls" "seccomp filters are not to be had"
	done_testing
fi
speed=fast
"$tmp/works" fast >/dev/null || speed=slow

# try NAMES WANTED FENCE: fences as engine.h numbers them, none, membarrier, move.
try() {
	for error in ENOSYS EPERM; do
		timeout 60 "$tmp/filter" "$1" $error "$tmp/works" "$2" >"$tmp/out" 2>&1
		status=$?
		grep -q "fence=$3 " "$tmp/out" || status=1
		[ $status = 0 ] || diag "$(cat "$tmp/out")"
		ok $status "$error from $1: all works, $4"
	done
}

try rseq slow 0 "by locks"
try membarrier $speed 2 "fenced by moving there"
try sched_setaffinity $speed 1 "fenced by membarrier"
try madvise $speed 1 "pages are probed one by one"
try membarrier,madvise $speed 2 "fenced by moving there"
try membarrier,sched_setaffinity slow 0 "by locks, as nothing could be fenced"
try all slow 0 "by locks"
done_testing
