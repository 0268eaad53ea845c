#!/bin/sh
# SPDX-License-Identifier: MIT
# opv stress for a second in each of many surroundings: nothing is lost in any.
set -u
. "$(dirname "$0")/../tap.sh"

opv=$OPV_BUILD/opv
calls=$(grep -cE '^OPV_[A-Z]+\(opv' "$OPV_SRC/include/opv/calls.def")

# try NAME COMMAND...
try() {
	what=$1
	shift
	timeout 120 "$@" >"$tmp/out" 2>"$tmp/err"
	status=$?
	diag "$(grep 'operations in' "$tmp/out")"
	[ $status = 0 ] || diag "exit status $status" "$(cat "$tmp/out" "$tmp/err")"
	ok $status "$what: nothing is lost"
}

try "threads alone" "$opv" stress -d 1 --no-signals --no-migrate --no-fork
try "with signals" "$opv" stress -d 1 --no-migrate --no-fork
try "with changes of affinity" "$opv" stress -d 1 --no-signals --no-fork
try "with forks and kills" "$opv" stress -d 1 --no-signals --no-migrate
try "everything at once" "$opv" stress -d 2
total=$(sed -n 's/.*, \([0-9]*\) of \([0-9]*\) functions.*/\1 \2/p' "$tmp/out")
is "${total% *}" "${total#* }" "every call of the list takes part"
[ "${total#* }" -gt "$calls" ]
ok $? "the list is that of calls.def, and vectors"
if [ "$("$opv" probe --json | grep -c '"mm_cid": *true')" = 1 ]; then
	try "by mm_cid" "$opv" stress -d 2 --mm-cid
	try "by mm_cid, many more threads than CPUs" "$opv" stress -d 1 --mm-cid -t 24
	try "by mm_cid, half by the fence engine" "$opv" stress -d 1 --mm-cid --force fence:50
else
	skip "by mm_cid: nothing is lost" "$("$opv" probe | sed -n 's/^ *mm cid why *//p')"
fi
try "one thread, with signals" "$opv" stress -d 1 -t 1
try "many more threads than CPUs" "$opv" stress -d 1 -t 24
try "on one CPU" taskset -c 0 "$opv" stress -d 1 -t 4
try "all by the fence engine" "$opv" stress -d 1 --force fence:100
try "half by the fence engine, by the environment" env OPV_FORCE=fence:50 "$opv" stress -d 1
try "with fast calls counted" env OPV_COUNT_FAST=1 "$opv" stress -d 1
try "nice" nice -n 19 "$opv" stress -d 1
if chrt -f 1 true 2>/dev/null; then
	# By number: where all are real-time nobody may come by to say that the time is over.
	try "real-time, first come first served" chrt -f 1 "$opv" stress -n 8000 -t 6
	try "real-time, in turn" chrt -r 1 "$opv" stress -n 8000 -t 6
else
	skip "real-time: nothing is lost" "not allowed to use real-time scheduling"
fi
done_testing
