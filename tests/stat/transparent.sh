#!/bin/sh
# SPDX-License-Identifier: MIT
# The command does not notice: input, output, status, signals, descriptors, errno.
set -u
. "$(dirname "$0")/common"

program probe || { ok 1 "probe compiles"; done_testing; }
stat="$opv stat -o $tmp/table --"

# same NAME COMMAND...: the same output, errors and exit status with and without us
same() {
	name=$1
	shift
	"$@" >"$tmp/out1" 2>"$tmp/err1" </dev/null
	s1=$?
	$stat "$@" >"$tmp/out2" 2>"$tmp/err2" </dev/null
	s2=$?
	cmp -s "$tmp/out1" "$tmp/out2" && cmp -s "$tmp/err1" "$tmp/err2" && [ $s1 = $s2 ]
	ok $? "$name"
}

head -c 1000000 /dev/urandom >"$tmp/data"
$stat cat <"$tmp/data" >"$tmp/copy"
cmp -s "$tmp/data" "$tmp/copy"
ok $? "a million random bytes pass from stdin to stdout"
like "$(cat "$tmp/table")" "^opv stat: cat: .* exit status 0" "the table went to the file of -o"
$opv stat true >"$tmp/out" 2>"$tmp/err"
is "$(wc -c <"$tmp/out")" 0 "without -o nothing is on stdout"
like "$(cat "$tmp/err")" "^opv stat: true: " "and the table is on stderr"

same "open descriptors" "$tmp/probe" fds
same "the number that open() gives" "$tmp/probe" fd
same "errno through good calls and after bad ones" "$tmp/probe" errno
like "$(cat "$tmp/out2")" "^start 0 kept 77 read 9 malloc 12 trylock 16 errno 0$" \
	"as the manual says"
same "ignored and blocked signals" "$tmp/probe" signals
ignoring='$SIG{$_} = "IGNORE" for qw(INT QUIT HUP CHLD); exec @ARGV'
perl -e "$ignoring" "$tmp/probe" signals >"$tmp/out1"
perl -e "$ignoring" $stat "$tmp/probe" signals >"$tmp/out2"
is "$(cat "$tmp/out2")" "$(cat "$tmp/out1")" "signals that the caller ignored"
like "$(cat "$tmp/out2")" "^17 ignored" "SIGCHLD among them"
perl -e "$ignoring" $stat false
is $? 1 "and the exit status is known all the same"
same "exit status 255" sh -c 'exit 255'
same "stderr" sh -c 'echo to stderr >&2; exit 3'

# Closed descriptors stay closed, and the counters stay out of their numbers.
"$tmp/probe" fds >"$tmp/out1" <&-
$stat "$tmp/probe" fds >"$tmp/out2" <&-
is "$(cat "$tmp/out2")" "$(cat "$tmp/out1")" "a closed stdin stays closed"
"$tmp/probe" fds >"$tmp/out1" <&- 2>&-
$stat "$tmp/probe" fds >"$tmp/out2" <&- 2>&-
is "$(cat "$tmp/out2")" "$(cat "$tmp/out1")" "a closed stderr, too"
is "$(sh -c "$opv stat '$tmp/probe' fd 2>&-; echo \$?")" "2
0" "with stderr closed the table is lost and nothing else"

for sig in 1 2 3 6 9 10 11 15; do
	$stat sh -c "kill -$sig \$\$" 2>/dev/null
	is $? $((128 + sig)) "killed by signal $sig: $((128 + sig))"
done

rm -f "$tmp/out"
$stat "$tmp/probe" term >"$tmp/out" &
watcher=$!
while ! [ -s "$tmp/out" ]; do sleep 0.05; done
kill -TERM $watcher
wait $watcher
is $? 42 "SIGTERM is passed on"

# The user's own preloads.
cat >"$tmp/own.c" <<'C'
#include <unistd.h>
#include <sys/syscall.h>
int own = 1;
ssize_t write(int fd, const void *p, size_t n)
{
	syscall(SYS_write, 2, "own ", 4);
	return syscall(SYS_write, fd, p, n);
}
C
$CC -shared -fPIC -o "$tmp/own.so" "$tmp/own.c"
cat >"$tmp/two.c" <<'C'
#include <unistd.h>
int main(void) { return write(1, "two\n", 4) != 4; }
C
$CC -o "$tmp/two" "$tmp/two.c"
LD_PRELOAD=$tmp/own.so "$opv" stat -j -o "$tmp/json" "$tmp/two" >"$tmp/out" 2>"$tmp/err"
is "$(cat "$tmp/err" "$tmp/out")" "own two" "a preload of the user's own is still called"
is "$(field "$tmp/json" write calls)" 1 "and we count the call"
like "$(LD_PRELOAD=$tmp/own.so $stat env 2>/dev/null)" "^LD_PRELOAD=.*libopv-stat\.so:$tmp/own\.so$" \
	"ours comes first"

# An allocator of the program's own: in a library it is what we call, in the program itself
# it hides us; either way the program gets its own.
cat >"$tmp/alloc.c" <<'C'
#include <stddef.h>
static char pool[1 << 24];
static size_t used;
int own_calls;
void *malloc(size_t n) { void *p = pool + used; used += (n + 31) & ~(size_t)15; own_calls++; return p; }
void *calloc(size_t n, size_t m) { return malloc(n * m); }
void *realloc(void *p, size_t n) { char *q = malloc(n), *s = p; size_t i;
	for (i = 0; s && i < n && s + i < pool + sizeof(pool); i++) q[i] = s[i]; return q; }
void free(void *p) { (void)p; own_calls++; }
C
cat >"$tmp/main.c" <<'C'
#include <stdio.h>
#include <stdlib.h>
extern int own_calls;
int main(void)
{
	int before = own_calls, i;
	for (i = 0; i < 100; i++) { void *volatile p = malloc(10); free(p); }
	printf("%d\n", own_calls - before);
	return 0;
}
C
$CC -fno-builtin -shared -fPIC -o "$tmp/liballoc.so" "$tmp/alloc.c"
$CC -fno-builtin -o "$tmp/linked" "$tmp/main.c" "$tmp/liballoc.so" -Wl,-rpath,"$tmp"
$CC -fno-builtin -o "$tmp/inside" "$tmp/main.c" "$tmp/alloc.c"
is "$($opv stat -j -o "$tmp/json" "$tmp/linked")" 200 "a linked allocator gets its calls"
[ "$(field "$tmp/json" malloc calls)" -ge 100 ]
ok $? "which are counted"
is "$($stat "$tmp/inside")" 200 "an allocator inside the program gets its calls"

# An environment that is not ours to keep: broken values only mean that nothing is counted.
lib=$OPV_BUILD/libopv-stat.so
for value in "" x 1 1:2:3 1:1:0:0:0:0:0:0: "1:$(printf %x $$):1:80:0:0:ff:3:x" \
	ffffffffffffffffff:::::::: ; do
	is "$(OPV_STAT=$value LD_PRELOAD=$lib "$tmp/probe" fd)" 3 "OPV_STAT=$value is harmless"
done
is "$(env -u OPV_STAT LD_PRELOAD="$lib" "$tmp/probe" errno)" \
	"start 0 kept 77 read 9 malloc 12 trylock 16 errno 0" "the library alone passes calls on"
(ulimit -v 65536 2>/dev/null && $stat "$tmp/probe" fd) >"$tmp/out" 2>&1
is "$(tail -n 1 "$tmp/out")" 3 "a program with little address space runs"

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	chmod 755 "$tmp" && cp "$lib" "$tmp/lib.so" && chmod 755 "$tmp/lib.so"
	is "$(OPV_STAT_LIBRARY=$tmp/lib.so $stat setpriv --reuid 65534 --clear-groups "$tmp/probe" fd)" 3 \
		"a program that became another user runs"
else
	skip "a program that became another user runs" "needs root and setpriv"
fi
done_testing
