#!/bin/sh
# SPDX-License-Identifier: MIT
# Real programs do what they do without us, and are counted.
set -u
. "$(dirname "$0")/common"

# works NAME FUNCTION COMMAND...: the same output and status, and FUNCTION is counted
works() {
	name=$1 function=$2
	shift 2
	if ! command -v "$1" >/dev/null; then
		skip "$name" "$1 is not installed"
		return
	fi
	"$@" >"$tmp/out1" 2>"$tmp/err1"
	s1=$?
	"$opv" stat -j -o "$tmp/json" -- "$@" >"$tmp/out2" 2>"$tmp/err2"
	s2=$?
	cmp -s "$tmp/out1" "$tmp/out2" && cmp -s "$tmp/err1" "$tmp/err2" && [ $s1 = $s2 ] &&
		[ "$(field "$tmp/json" "$function" calls)" -gt 0 ]
	ok $? "$name"
}

cd "$tmp" || exit 1
perl -e 'srand 1; print int(rand 1e9), "\n" for 1 .. 200000' >numbers
cat >hello.c <<'C'
#include <stdio.h>
int main(void) { return puts("hello") < 0; }
C
cat >hello.cc <<'C'
#include <condition_variable>
#include <iostream>
#include <map>
#include <mutex>
#include <thread>
int main()
{
	std::mutex m;
	std::condition_variable c;
	std::map<int, int> map;
	bool done = false;
	std::thread t([&] {
		std::lock_guard<std::mutex> l(m);
		for (int i = 0; i < 1000; i++)
			map[i] = i;
		done = true;
		c.notify_one();
	});
	std::unique_lock<std::mutex> l(m);
	c.wait(l, [&] { return done; });
	l.unlock();
	t.join();
	std::cout << map.size() << std::endl;
}
C
works "sort" fwrite sort -S 1M numbers
works "sort with threads" pthread_mutex_lock sort --parallel 4 -S 64M numbers
works "cat | tr | wc under sh" read sh -c 'cat numbers | tr 0-9 a-j | wc -c'
works "perl" malloc perl -e 'print join ",", map { $_ * 2 } 1 .. 1000'
works "python3" malloc python3 -c 'import json, re, subprocess
print(json.dumps({i: str(i) for i in range(1000)}))
print(subprocess.run(["echo", "child"], capture_output=True, env={}).stdout)'
works "python3 with threads" pthread_cond_signal python3 -c '
from concurrent.futures import ThreadPoolExecutor
print(sum(ThreadPoolExecutor(8).map(lambda x: x * x, range(2000))))'
works "git" malloc sh -c 'git init -q r && cd r && git config user.email a@b && git config user.name c &&
	for i in 1 2 3; do echo $i >f; git add f; git commit -q -m $i --date 2000-01-01T00:00:00; done
	git log --format=%s; cd ..; rm -rf r'
works "the C compiler" malloc $CC -S -O2 -o - hello.c
works "awk" malloc awk '{ s += $1; a[$1 % 1000]++ } END { print s, length(a) }' numbers
works "xz" pthread_mutex_lock sh -c 'xz -T2 -0 <numbers | xz -d | cksum'
works "tar" read sh -c 'tar cf - numbers | tar tvf -'
works "a program that fails" malloc ls /no/such/file
works "make" malloc make -f /dev/null -n nothing
works "bash" malloc bash -c 'for i in {1..50}; do x=$(echo $i); done; echo $x; exit 9'
if g++ -O1 -pthread -o hello hello.cc 2>/dev/null; then
	works "a program in C++ with a condition variable" malloc ./hello
	[ "$(field json pthread_mutex_lock calls)" -gt 0 ] &&
		[ "$(field json pthread_cond_signal calls)" -gt 0 ]
	ok $? "its std::mutex and std::condition_variable are seen"
else
	skip "a program in C++ with a condition variable" "no C++ compiler"
fi
"$opv" stat -j -o json2 "$opv" stat -j -o json1 "$OPV_BUILD/opv" stat -l >/dev/null
[ "$(field json1 malloc calls)" -gt 0 ] && [ "$(field json2 malloc calls)" -gt 0 ]
ok $? "opv stat of opv stat"
done_testing
