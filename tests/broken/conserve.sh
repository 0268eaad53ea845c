#!/bin/sh
# SPDX-License-Identifier: MIT
# opv stress loses something when a part of the fence engine is left out, and
# nothing when it is whole: it can fail.
set -u
. "$(dirname "$0")/../tap.sh"

. "$(dirname "$0")/../stress/build.inc"

# build NAME CPPFLAGS: the library so, under the objects of the command as they are.
build() {
	build_lib "$tmp/$1" "$2" -O2 || return
	$CC -o "$tmp/$1/opv" "$OPV_BUILD"/tools/opv/*.o "$tmp/$1/libopv.a" -pthread -lm && return
	return 1
}

# red NAME PATTERN: at the latest in the 20th run of a second, with that complaint,
# or dead of what was lost: a list that is torn leads anywhere.
red() {
	for seed in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		timeout 100 "$tmp/$1/opv" stress -d 1 --no-fork --seed "$seed" \
			--only add,fetch_add,xchg,cmpxchg,bits,list,stack,accounts,drain \
			>"$tmp/out" 2>"$tmp/err"
		status=$?
		[ "$status" = 1 ] && grep -q "^opv stress: $2" "$tmp/err" && break
		[ "$status" = 139 ] && break
	done
	diag "run $seed: exit status $status"
	diag "$(head -n 3 "$tmp/err")"
	[ "$status" = 1 ] || [ "$status" = 139 ]
}

any='[a-z_]*: '

build fence -DOPV_BREAK=OPV_BREAK_FENCE
ok $? "the library builds without its fence"
red fence "$any"
ok $? "without the fence something is lost"

build key -DOPV_BREAK=OPV_BREAK_KEY
ok $? "the library builds without closing the key"
red key "$any"
ok $? "with the key left open something is lost"

build lock -DOPV_BREAK=OPV_BREAK_LOCK
ok $? "the library builds without the lock of a slot"
red lock "$any"
ok $? "without the lock two work as one CPU, and something is lost"

for seed in 1 2 3; do
	"$OPV_BUILD/opv" stress -d 1 --no-fork --seed $seed \
		--only add,fetch_add,xchg,cmpxchg,bits,list,stack,accounts,drain >"$tmp/out" 2>&1
	status=$?
	[ "$status" = 0 ] || diag "$(cat "$tmp/out")"
	ok $status "with all of them nothing is lost (seed $seed)"
done
done_testing
