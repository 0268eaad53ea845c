#!/bin/sh
# SPDX-License-Identifier: MIT
# loop.c against the library that does not look whether its key stayed closed.
set -u
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../stress/build.inc"

build_lib "$tmp/loop" -DOPV_BREAK=OPV_BREAK_LOOP -O2 &&
	$CC -std=gnu11 -O2 -I"$OPV_SRC/include" -o "$tmp/test" "$OPV_SRC/tests/broken/loop.c" \
		"$tmp/loop/libopv.a" -pthread
ok $? "the library builds without looking at its key again"

for try in 1 2 3 4 5; do
	timeout 60 "$tmp/test" >"$tmp/out" 2>&1
	grep -q '^not ok .*nobody adds' "$tmp/out" && break
done
if grep -q 'SKIP' "$tmp/out"; then
	skip "without looking again somebody adds while the engine works" "$(sed -n 's/.*SKIP //p' "$tmp/out")"
	done_testing
fi
diag "run $try"
diag "$(cat "$tmp/out")"
grep -q '^not ok .*nobody adds' "$tmp/out"
ok $? "without looking again somebody adds while the engine works"
done_testing
