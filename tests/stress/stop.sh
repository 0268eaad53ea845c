#!/bin/sh
# SPDX-License-Identifier: MIT
# A process that is stopped and continued all the time loses nothing.
set -u
. "$(dirname "$0")/../tap.sh"

"$OPV_BUILD/opv" stress -d 2 >"$tmp/out" 2>&1 &
pid=$!
stops=0
while kill -STOP $pid 2>/dev/null; do
	sleep 0.02
	kill -CONT $pid && stops=$((stops + 1))
	sleep 0.03
done
wait $pid
status=$?
diag "stopped $stops times; $(grep 'operations in' "$tmp/out")"
[ $status = 0 ] || diag "$(cat "$tmp/out")"
ok $status "stopped and continued all the time, nothing is lost"
[ $stops -gt 10 ]
ok $? "it was stopped often enough"
done_testing
