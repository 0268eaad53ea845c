#!/bin/sh
# SPDX-License-Identifier: MIT
# Programs that do what others do not.
set -u
. "$(dirname "$0")/common"

program odd || { ok 1 "odd compiles"; done_testing; }

# runs WHAT STATUS NAME: with and without latencies, for both take other roads
runs() {
	"$opv" stat -n -j -o "$tmp/json" "$tmp/odd" "$1" >"$tmp/out" 2>&1
	is $? "$2" "$3"
	"$opv" stat -j -o "$tmp/json" "$tmp/odd" "$1" >"$tmp/out" 2>&1
	is $? "$2" "$3, timed"
}

runs strict 0 "a program under strict seccomp is not killed for our system calls"
[ "$(field "$tmp/json" write calls)" = 1000 ] && [ "$(field "$tmp/json" malloc calls)" -ge 100000 ]
ok $? "and its calls are counted"
# Moved to a CPU that it has never counted on, where it can make no system call.
mkfifo "$tmp/fifo"
status=9 tries=0
while [ $status = 9 ] && [ $tries -lt 50 ] && taskset -c 1 true 2>/dev/null; do
	tries=$((tries + 1))
	rm -f "$tmp/out"
	"$opv" stat -j -o "$tmp/json" -f write "$tmp/odd" moved <"$tmp/fifo" >"$tmp/out" &
	exec 9>"$tmp/fifo"
	while kill -0 $! 2>/dev/null && ! [ -s "$tmp/out" ]; do sleep 0.02; done
	[ -s "$tmp/out" ] && taskset -pc 1 "$(cat "$tmp/out")" >/dev/null
	exec 9>&-
	wait $!
	status=$?
done
if [ $status = 9 ]; then
	skip "a program under strict seccomp may be moved" "it never began on CPU 0, or there is no CPU 1"
else
	is "$status $(field "$tmp/json" write calls)" "0 1001" \
		"a program under strict seccomp may be moved to another CPU"
fi

runs cancel 0 "threads can be cancelled in what we wrap"
runs vfork 0 "vfork"
is "$(cat "$tmp/out")" "child
executed" "its children do what they do"
is "$(top "$tmp/json" programs)" 2 "and are watched"
runs jump 0 "a handler may jump out of read"
is "$(field "$tmp/json" read calls)" 0 "calls that did not return are not counted"
runs early 0 "calls before constructors"
"$opv" stat -j -o "$tmp/json2" "$tmp/odd" none
is "$(($(field "$tmp/json" malloc calls) - $(field "$tmp/json2" malloc calls)))" 0 \
	"are the same in each run"
[ "$(field "$tmp/json" malloc calls)" -ge 1000 ]
ok $? "and counted"
runs late 0 "calls after main"
[ "$(field "$tmp/json" malloc calls)" -ge 2000 ]
ok $? "are counted"
runs thread 0 "a thread that the C library does not know"
runs dump 0 "a program that is not dumpable"
is "$(cat "$tmp/out")" dumped "goes on"

# The other ways that libopv has to count.
program known || { ok 1 "known compiles"; done_testing; }
GLIBC_TUNABLES=glibc.pthread.rseq=0 "$opv" stat -j -o "$tmp/json" "$tmp/known" pread 1000 >/dev/null
is "$(field "$tmp/json" pread calls)" 1000 "where the C library does not register rseq"
OPV_FORCE=fence:50 "$opv" stat -j -o "$tmp/json" "$tmp/known" pread 1000 >/dev/null
is "$(field "$tmp/json" pread calls)" 1000 "where every other call takes the slow path"
if command -v valgrind >/dev/null; then
	"$opv" stat -j -o "$tmp/json" valgrind -q "$tmp/known" pread 100 >"$tmp/out" 2>&1
	is "$? $(field "$tmp/json" pread calls)" "0 100" "under valgrind"
else
	skip "under valgrind" "it is not installed"
fi
if echo 'int main(void) { return 6; }' >"$tmp/san.c" &&
	$CC -fsanitize=thread -o "$tmp/san" "$tmp/san.c" 2>/dev/null && "$tmp/san" 2>/dev/null; [ $? = 6 ]; then
	"$opv" stat -o "$tmp/table" "$tmp/san" 2>"$tmp/err"
	is $? 6 "a program with ThreadSanitizer"
else
	skip "a program with ThreadSanitizer" "it does not run here"
fi
done_testing
