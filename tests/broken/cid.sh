#!/bin/sh
# SPDX-License-Identifier: MIT
# cid.c against the library that fences one CPU where slots go by mm_cid, and against
# the whole one.
set -u
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../stress/build.inc"

program() {
	$CC -std=gnu11 -O2 -I"$OPV_SRC/include" -DINJECT_DELAY -DINJECT_TURNS='"100"' \
		-include "$OPV_SRC/tests/broken/inject.h" -o "$tmp/$1" "$OPV_SRC/tests/broken/cid.c" \
		"$2" -pthread
}

build_lib "$tmp/cid" -DOPV_BREAK=OPV_BREAK_CID -O2 && program broken "$tmp/cid/libopv.a" &&
	program whole "$OPV_BUILD/libopv.a"
ok $? "the library builds with a fence of one CPU"

timeout 60 "$tmp/whole" >"$tmp/out" 2>&1
status=$?
if grep -q 'SKIP' "$tmp/out"; then
	skip "with a fence of one CPU something is lost" "$(sed -n 's/.*SKIP //p' "$tmp/out")"
	done_testing
fi
[ $status = 0 ] || diag "$(cat "$tmp/out")"
ok $status "with a fence of all CPUs nothing is"
for try in 1 2 3 4 5; do
	timeout 60 "$tmp/broken" >"$tmp/out" 2>&1
	grep -q '^not ok .*nothing is lost' "$tmp/out" && break
done
diag "run $try"
diag "$(cat "$tmp/out")"
grep -q '^not ok .*nothing is lost' "$tmp/out"
ok $? "with a fence of one CPU something is lost"
done_testing
