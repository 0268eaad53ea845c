#!/bin/sh
# SPDX-License-Identifier: MIT
# A wrapper makes the system call itself in a process of one thread, where the C library
# would have done nothing else, and only there.
set -u
. "$(dirname "$0")/common"

program alone || { ok 1 "alone compiles"; done_testing; }

# from SED: what the calls were made from, each object once, but for those that SED deletes
from() {
	sed -n "$1"' s/.* from \([^:]*\): .*/\1/p' "$tmp/out" | sort -u | tr '\n' ' '
}

# without_from FILE: the system calls, whatever they were made from
without_from() {
	sed 's/ from [^:]*//' "$1"
}

"$tmp/alone" calls >"$tmp/plain"
status=$?
if [ $status = 77 ]; then
	skip "system calls" "a filter that traps them is not allowed here"
	done_testing
fi
[ $status = 0 ] && [ "$(wc -l <"$tmp/plain")" -ge 20 ] && ! grep -q nowhere "$tmp/plain"
ok $? "the C library makes the system calls that functions.def tells"
own="libopv-stat.so "
libc=$(cp "$tmp/plain" "$tmp/out" && from '')
case $(getconf GNU_LIBC_VERSION 2>/dev/null) in
"glibc 2."[0-9] | "glibc 2."[12]? | "glibc 2.3"[0-5] | "")
	skip "system calls made by the wrappers" "needs glibc 2.36"
	own=$libc ;;
esac

for flag in -n ""; do
	set -- "$opv" stat $flag -o "$tmp/table" "$tmp/alone"
	name=${flag:+, $flag}
	"$@" calls >"$tmp/out"
	is "$(from '')" "$own" "one thread: from the wrappers$name"
	is "$(without_from "$tmp/out")" "$(without_from "$tmp/plain")" \
		"the same calls, arguments, results and errno$name"
	for what in threads cancelled forked; do
		"$@" $what >"$tmp/out"
		is "$(from '')" "$libc" "$what: from the C library$name"
		is "$(without_from "$tmp/out")" "$(without_from "$tmp/plain")" \
			"$what: the same calls, arguments, results and errno$name"
	done
done
"$opv" stat -j -o "$tmp/json" "$tmp/alone" calls >/dev/null
is "$(field "$tmp/json" splice calls) $(field "$tmp/json" splice failed)" "1 1" \
	"a failed system call is counted"

# Another library's function, behind ours, is called; what it does not have is not its business.
cat >"$tmp/below.c" <<'C'
#include <unistd.h>
#include <sys/syscall.h>
ssize_t read(int fd, void *p, size_t n) { return syscall(SYS_read, fd, p, n); }
C
$CC -shared -fPIC -o "$tmp/below.so" "$tmp/below.c"
LD_PRELOAD=$tmp/below.so "$opv" stat -o "$tmp/table" "$tmp/alone" calls >"$tmp/out"
is "$(sed -n 's/^read: .* from \([^:]*\):.*/\1/p' "$tmp/out") " "$libc" \
	"read of a library behind ours is called"
is "$(from '/^read:/d;')" "$own" "and nothing else is"

# Cancellation.
cp "$tmp/alone" "$tmp/plainly"
program alone -DCOPY -fno-pie -no-pie || { ok 1 "alone compiles with a copy"; done_testing; }
mv "$tmp/alone" "$tmp/copy"
mv "$tmp/plainly" "$tmp/alone"
for what in self late other; do
	for binary in alone copy; do
		"$tmp/$binary" $what >"$tmp/plain" 2>&1
		status=$?
		for flag in -n ""; do
			"$opv" stat $flag -j -o "$tmp/json" "$tmp/$binary" $what >"$tmp/out" 2>&1
			is "$? $(cat "$tmp/out")" "$status $(cat "$tmp/plain")" \
				"$binary $what${flag:+, $flag}: as without us"
		done
		case $what in
		self) count=10 ;;
		late) count=20 ;;
		other) count=30 ;;
		esac
		is "$(grep -c 'cleans up' "$tmp/plain") $(field "$tmp/json" read calls)" "1 $count" \
			"$binary $what: was cancelled, and each call that returned is counted"
	done
done
done_testing
