#!/bin/sh
# SPDX-License-Identifier: MIT
# In whatever way a program is compiled and linked, its sums are right and its
# calls are made by sections.
set -u
. "$(dirname "$0")/../tap.sh"

prog=$OPV_SRC/tests/env/prog/works.c
speed=fast
$CC -std=gnu11 -O2 -I"$OPV_SRC/include" -o "$tmp/works" "$prog" "$OPV_BUILD/libopv.a" -pthread &&
	"$tmp/works" fast >"$tmp/out" || speed=slow
[ $speed = fast ] || skip "calls are made by sections" "$(sed -n 's/.*why=//p' "$tmp/out")"

# try NAME COMPILER ARGUMENT...
try() {
	name=$1 cc=$2
	shift 2
	if ! $cc -std=gnu11 -Wall -Wextra -Werror -I"$OPV_SRC/include" "$@" -pthread -o "$tmp/test" >"$tmp/log" 2>&1; then
		if grep -Eq 'LLVMgold|cannot find -lc\b|Scrt1|rcrt1' "$tmp/log"; then
			skip "$name" "$(grep -Em1 'LLVMgold|cannot find' "$tmp/log" | cut -c1-120)"
			return
		fi
		diag "$(head -n 20 "$tmp/log")"
		ok 1 "$name: compiles"
		return
	fi
	LD_LIBRARY_PATH=$OPV_BUILD timeout 60 "$tmp/test" $speed 500 >"$tmp/out" 2>&1
	status=$?
	[ $status = 0 ] || diag "exit status $status" "$(cat "$tmp/out")"
	ok $status "$name: right sums, by sections"
}

for cc in gcc clang; do
	if ! command -v $cc >/dev/null; then
		skip "$cc" "no $cc"
		continue
	fi
	for opt in -O0 -O1 -O2 -O3; do
		try "$cc $opt PIE" $cc $opt -fPIE -pie "$prog" "$OPV_BUILD/libopv.a"
		try "$cc $opt not PIE" $cc $opt -fno-pie -no-pie "$prog" "$OPV_BUILD/libopv.a"
		try "$cc $opt static" $cc $opt -static "$prog" "$OPV_BUILD/libopv.a"
		try "$cc $opt static PIE" $cc $opt -fPIE -static-pie "$prog" "$OPV_BUILD/libopv.a"
		try "$cc $opt -flto" $cc $opt -flto "$prog" "$OPV_BUILD/libopv.a"
		try "$cc $opt shared library" $cc $opt "$prog" "$OPV_BUILD/libopv.so"
	done
	# The library itself among what is optimized at link time.
	try "$cc -O2 -flto with the library" $cc -O2 -flto -Wno-error "-DOPV_VERSION=\"lto\"" "$prog" \
		"$OPV_SRC"/src/*.c "$OPV_SRC"/src/engine/*.c
done
done_testing
