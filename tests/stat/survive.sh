#!/bin/sh
# SPDX-License-Identifier: MIT
# Nothing that was counted is lost, however the program ends or goes on.
set -u
. "$(dirname "$0")/common"

program work || { ok 1 "work compiles"; done_testing; }

# mallocs [COMMAND...]: how many calls of malloc
mallocs() {
	"$opv" stat -j -o "$tmp/json" -f malloc,read,write -- "$@" >/dev/null 2>&1
	status=$?
	count=$(field "$tmp/json" malloc calls)
}

# difference HOW TIMES NAME: HOW with N = 5000 counts TIMES N more than with 0
difference() {
	mallocs "$tmp/work" "$1" 0
	before=$count
	mallocs "$tmp/work" "$1" 5000
	is $((count - before)) $((5000 * $2)) "$3"
}

difference plain 1 "a program that returns from main"
difference kill 1 "a program killed by SIGKILL"
is "$status" 137 "its exit status is 128 + 9"
is "$(top "$tmp/json" signal)" 9 "the JSON tells the signal"
difference exit 1 "a program that ends by _exit"
is "$status" 5 "its exit status"
difference threads 4 "four threads"
difference fork 4 "four children"
difference exec 3 "exec, twice"
is "$(top "$tmp/json" programs)" 3 "they are three programs"
difference closed 2 "exec after all descriptors were closed"
difference bare 2 "exec with an empty environment"
difference spawn 2 "posix_spawn with an empty environment"

mallocs "$tmp/work" handler 300
is "$(field "$tmp/json" write calls) $(field "$tmp/json" read calls)" "300 300" \
	"calls in a handler that interrupts malloc"

# Killed from outside, at any instant: a thread may have one call that is counted
# and not noted, and none that is noted and not counted.
bad=0 rounds=0
while [ $rounds -lt 20 ]; do
	rounds=$((rounds + 1))
	rm -f "$tmp/notes"
	"$opv" stat -j -o "$tmp/json" -- "$tmp/work" forever "$tmp/notes" 2>/dev/null &
	watcher=$!
	tries=0
	while ! [ -s "$tmp/notes" ] && [ $tries -lt 100 ]; do
		tries=$((tries + 1))
		sleep 0.1
	done
	# The one child of ours that is not the shell's.
	kill -9 $(cat "/proc/$watcher/task/$watcher/children")
	wait $watcher
	noted=$(perl -0777 -ne '@n = unpack "Q16", $_; print $n[0] + $n[8]' "$tmp/notes")
	count=$(field "$tmp/json" malloc calls)
	extra=$((count - noted))
	# What the C library allocates for a thread and its stack comes on top.
	[ "$noted" -gt 0 ] || bad=$((bad + 1))
	[ $extra -ge 0 ] && [ $extra -le 10 ] || {
		bad=$((bad + 1))
		diag "noted $noted, counted $count"
	}
done
is $bad 0 "of 20 programs killed at full speed no call is lost or made up"

# The watched program may outlive what it was started by.
"$opv" stat -j -o "$tmp/json" -- sh -c "'$tmp/work' plain 10 & (sleep 1; echo late >'$tmp/late') & exit 3" \
	>/dev/null 2>&1
is "$? $(top "$tmp/json" still_running)" "3 1" "a descendant that still runs is mentioned"
"$opv" stat -j -o "$tmp/json" -- "$tmp/work" plain 10
is "$(top "$tmp/json" still_running)" 0 "and is not where there is none"
tries=0
while ! [ -s "$tmp/late" ] && [ $tries -lt 100 ]; do
	tries=$((tries + 1))
	sleep 0.1
done
is "$(cat "$tmp/late" 2>&1)" late "it goes on without us"
done_testing
