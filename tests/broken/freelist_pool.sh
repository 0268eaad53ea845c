#!/bin/sh
# SPDX-License-Identifier: MIT
# The crowds of free lists and pools go red when one thing is left out of them, or the
# fence of the engine that they lean on.
set -u
. "$(dirname "$0")/../tap.sh"

# build WHAT TEST SOURCE...: that test with these sources, broken, in place of the library's.
build() {
	what=$1 test=$2
	shift 2
	# shellcheck disable=SC2086
	(cd "$OPV_SRC" && $CC -std=gnu11 -O2 -Iinclude -Itests -DOPV_BREAK="OPV_BREAK_$what" \
		-o "$tmp/$test-$what" "tests/structs/$test.c" "$@" "$OPV_BUILD/libopv.a" -pthread) \
		>"$tmp/log" 2>&1
	status=$?
	[ $status = 0 ] || diag "$(tail -n 5 "$tmp/log")"
	ok $status "$test builds: $what"
}

# red WHAT TEST: at the latest in the tenth run something is lost, or the program dies or
# goes round for ever in what is torn.
red() {
	[ -x "$tmp/$2-$1" ] || return
	for run in 1 2 3 4 5 6 7 8 9 10; do
		timeout -s KILL 20 "$tmp/$2-$1" >"$tmp/out" 2>&1
		status=$?
		[ $status = 0 ] || break
	done
	diag "run $run: exit status $status, $(grep -c '^not ok' "$tmp/out") of $(grep -c 'ok [0-9]' "$tmp/out") not ok"
	[ $status != 0 ]
}

build GATE freelist_crowd src/freelist.c
red GATE freelist_crowd
ok $? "lists are followed with the gate open: nodes are lost"

build GATE pool_crowd src/pool_trim.c
red GATE pool_crowd
ok $? "magazines are drained with the gate open: objects are lost"

build FENCE pool_crowd src/engine/fence.c src/fence.c
red FENCE pool_crowd
ok $? "magazines are trimmed and drained without a fence: objects are lost"

build TAG pool_crowd src/pool_depot.c
red TAG pool_crowd
ok $? "changes of a depot are not counted: batches are lost"

build OPERATION pool_crowd src/pool.c
red OPERATION pool_crowd
ok $? "operations of a magazine are not counted: objects are lost"

done_testing
