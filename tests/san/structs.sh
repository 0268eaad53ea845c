#!/bin/sh
# SPDX-License-Identifier: MIT
# Structures under the sanitizers, with the library built in: nothing reported.
set -u
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../stress/build.inc"

export ASAN_OPTIONS=detect_leaks=0:abort_on_error=0:exitcode=66
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS="halt_on_error=1 exitcode=66 history_size=7 suppressions=$OPV_SRC/tests/san/tsan.supp"

# try NAME CPPFLAGS FLAGS TEST...: with the first compiler that can.
try() {
	name=$1 cppflags=$2 flags=$3
	shift 3
	for CC in gcc clang; do
		command -v $CC >/dev/null || continue
		echo 'int main(void) { return 0; }' >"$tmp/probe.c"
		# shellcheck disable=SC2086
		$CC $flags -o "$tmp/probe" "$tmp/probe.c" >/dev/null 2>&1 && "$tmp/probe" >/dev/null 2>&1 || continue
		build_lib "$tmp/$name" "$cppflags" "-O1 -g $flags"
		ok $? "$name: the library builds ($CC)"
		for test; do
			# shellcheck disable=SC2086
			(cd "$OPV_SRC" && $CC -std=gnu11 -O1 -g $cppflags $flags -Iinclude -Itests \
				-o "$tmp/$name/$test" "tests/structs/$test.c" "$tmp/$name/libopv.a" -pthread) \
				>"$tmp/log" 2>&1 || diag "$(tail -n 5 "$tmp/log")"
			timeout 100 "$tmp/$name/$test" >"$tmp/out" 2>&1
			status=$?
			[ $status = 0 ] || diag "exit status $status" "$(tail -n 40 "$tmp/out")"
			ok $status "$name: nothing reported, nothing lost, $test ($CC)"
		done
		return
	done
	skip "$name: nothing reported, nothing lost" "no compiler here can"
}

try address+undefined "" "-fsanitize=address,undefined -fno-sanitize-recover=all" \
	freelist freelist_crowd pool pool_crowd ring ring_crowd lock lock_crowd rwlock rwlock_crowd
# ThreadSanitizer does not see what sections do, so here is the rest: the slow path and its locks.
try thread -DOPV_NO_SECTIONS -fsanitize=thread \
	freelist_crowd pool_crowd ring_crowd lock_crowd rwlock_crowd
done_testing
