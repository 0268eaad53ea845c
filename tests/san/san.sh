#!/bin/sh
# SPDX-License-Identifier: MIT
# Library and stress program under the sanitizers: nothing lost, nothing reported.
set -u
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../stress/build.inc"

export ASAN_OPTIONS=detect_leaks=0:abort_on_error=0:exitcode=66
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS="halt_on_error=1 exitcode=66 suppressions=$OPV_SRC/tests/san/tsan.supp"

# try NAME CPPFLAGS FLAGS ARGUMENT...: build with the first compiler that can.
try() {
	name=$1 cppflags=$2 flags=$3
	shift 3
	for CC in gcc clang; do
		command -v $CC >/dev/null || continue
		echo 'int main(void) { return 0; }' >"$tmp/probe.c"
		# shellcheck disable=SC2086
		$CC $flags -o "$tmp/probe" "$tmp/probe.c" >/dev/null 2>&1 && "$tmp/probe" >/dev/null 2>&1 || continue
		build_stress "$tmp/$name" "$cppflags" "-O1 -g $flags"
		ok $? "$name builds ($CC)"
		timeout 200 "$tmp/$name/opv" stress --seed 21 "$@" >"$tmp/out" 2>&1
		status=$?
		diag "$(grep 'operations in' "$tmp/out")"
		[ $status = 0 ] || diag "exit status $status" "$(head -n 60 "$tmp/out")"
		ok $status "$name: nothing reported, nothing lost ($CC)"
		return
	done
	skip "$name: nothing reported, nothing lost" "no compiler here can"
}

# structs NAME CPPFLAGS FLAGS TEST...: tests of tests/structs/ with the library that try built.
structs() {
	name=$1 cppflags=$2 flags=$3
	shift 3
	[ -e "$tmp/$name/libopv.a" ] || return
	for test; do
		# shellcheck disable=SC2086
		$CC -std=gnu11 -O1 -g $cppflags $flags -I"$OPV_SRC/include" -I"$OPV_SRC/tests" -o "$tmp/$test" \
			"$OPV_SRC/tests/structs/$test.c" "$tmp/$name/libopv.a" -pthread >"$tmp/out" 2>&1 &&
			timeout 100 "$tmp/$test" >"$tmp/out" 2>&1
		status=$?
		[ $status = 0 ] || diag "exit status $status" "$(head -n 60 "$tmp/out")"
		ok $status "$name: nothing reported, $test ($CC)"
	done
}

try address "" -fsanitize=address -d 2
structs address "" -fsanitize=address counter counter_many counter_histogram percpu ref ref_many
try undefined "" "-fsanitize=undefined -fno-sanitize-recover=all" -d 2
# ThreadSanitizer does not see what sections do, so here is the rest: the slow path and its locks.
try thread -DOPV_NO_SECTIONS -fsanitize=thread -d 2 --no-fork
structs thread -DOPV_NO_SECTIONS -fsanitize=thread counter counter_many ref ref_many
done_testing
