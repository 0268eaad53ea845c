#!/bin/sh
# SPDX-License-Identifier: MIT
# A compare-twice build traps when two sections of a CPU run at once: not while the
# library is whole, and soon when its fence is left out.
set -u
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../stress/build.inc"

# Sections that dawdle before they look the second time give others the time to come between.
flags="-DOPV_COMPARE_TWICE -DINJECT_DELAY -include $OPV_SRC/tests/broken/inject.h"

run() {
	timeout 100 "$tmp/$1/opv" stress -d "$2" --no-fork --seed "$3" \
		--only cmpxchg,list,stack,ring,accounts,drain $by >"$tmp/out" 2>"$tmp/err"
	status=$?
}
by=

build_stress "$tmp/whole" "$flags" -O1
ok $? "a compare-twice build compiles"
run whole 4 1
[ $status = 0 ] || diag "$(cat "$tmp/out" "$tmp/err")"
ok $status "no second compare fails and nothing is lost while the library is whole"

if grep -Eq '^fast +0 ' "$tmp/out" && ! grep -Eq '^retried +[1-9]' "$tmp/out"; then
	skip "without the fence a second compare traps" "there are no sections here"
	done_testing
fi
build_stress "$tmp/fence" "$flags -DOPV_BREAK=OPV_BREAK_FENCE" -O1
ok $? "one without the fence compiles"
for seed in 1 2 3 4 5 6 7 8 9 10; do
	run fence 2 $seed
	[ $status = 132 ] && break
done
is $status 132 "without the fence a second compare traps (SIGILL, seed $seed)"

by=--mm-cid
run whole 4 1
if grep -q 'no domain' "$tmp/err"; then
	skip "by mm_cid too" "this kernel has none"
	done_testing
fi
[ $status = 0 ] || diag "$(cat "$tmp/out" "$tmp/err")"
ok $status "by mm_cid no second compare fails either"
build_stress "$tmp/cid" "$flags -DOPV_BREAK=OPV_BREAK_CID" -O1
ok $? "one with a fence of one CPU compiles"
for seed in 1 2 3 4 5 6 7 8 9 10; do
	run cid 2 $seed
	[ $status = 132 ] && break
done
is $status 132 "with a fence of one CPU it traps (SIGILL, seed $seed)"
done_testing
