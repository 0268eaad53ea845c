#!/bin/sh
# SPDX-License-Identifier: MIT
# The tests of counters and reference counts go red when a part of what they lean on is
# left out: they can fail.
set -u
. "$(dirname "$0")/../tap.sh"

# build NAME TEST SOURCE...: a test with sources of the library broken, in front of the rest.
build() {
	name=$1 test=$2
	shift 2
	$CC -std=gnu11 -O2 -I"$OPV_SRC/include" -I"$OPV_SRC/tests" -fvisibility=hidden \
		-DOPV_BREAK="OPV_BREAK_$name" -o "$tmp/$name-$test" "$OPV_SRC/tests/structs/$test.c" \
		"$@" "$OPV_BUILD/libopv.a" -pthread >"$tmp/log" 2>&1 && return
	diag "$(head -n 20 "$tmp/log")"
	return 1
}

# red NAME TEST PATTERN: in one of ten runs.
red() {
	for try in 1 2 3 4 5 6 7 8 9 10; do
		timeout 100 "$tmp/$1-$2" >"$tmp/out" 2>&1
		grep -qE "^not ok .*($3)" "$tmp/out" && break
	done
	diag "run $try" "$(grep '^not ok' "$tmp/out")"
	grep -qE "^not ok .*($3)" "$tmp/out"
}

if [ "$(cat /sys/devices/system/cpu/online)" = 0 ]; then
	skip "what is broken goes red" "there is one CPU only"
	done_testing
fi

build REF ref_many "$OPV_SRC/src/ref.c"
ok $? "a reference count that is added up with the gates open compiles"
red REF ref_many 'release is called once|never while somebody'
ok $? "it loses references"

build KEY ref_many "$OPV_SRC/src/engine/fence.c"
ok $? "one with keys that are not closed compiles"
red KEY ref_many 'release is called once|never while somebody'
ok $? "it loses references"

build KEY counter_many "$OPV_SRC/src/engine/fence.c"
ok $? "counters with keys that are not closed compile"
red KEY counter_many 'what was read and reset'
ok $? "something is counted twice, or not at all"

build FENCE counter_many "$OPV_SRC/src/fence.c"
ok $? "counters without a fence compile"
red FENCE counter_many 'no sum was one that never was|what was read and reset'
ok $? "something is lost, or a sum is one that never was"

build SET counter_first "$OPV_SRC/src/all.c" "$OPV_SRC/src/ref.c"
ok $? "sums that do not look again for CPUs that are used for the first time compile"
red SET counter_first 'no sum and no reference'
ok $? "they miss one"
done_testing
