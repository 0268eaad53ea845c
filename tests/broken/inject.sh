#!/bin/sh
# SPDX-License-Identifier: MIT
# inject.c with a library whose own sections abort too, so that calls end in the engine.
set -u
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../stress/build.inc"

for cc in gcc clang; do
	if ! command -v $cc >/dev/null; then
		skip "calls end in the engine when all sections abort ($cc)" "no $cc"
		continue
	fi
	CC=$cc
	build_lib "$tmp/$cc" "-include tests/broken/inject.h" -O2 &&
		$cc -std=gnu11 -O2 -I"$OPV_SRC/include" -DLIBRARY_TOO -o "$tmp/test" \
			"$OPV_SRC/tests/broken/inject.c" "$tmp/$cc/libopv.a" -pthread
	timeout 60 "$tmp/test" >"$tmp/out" 2>&1
	status=$?
	[ $status = 0 ] || diag "$(cat "$tmp/out")"
	ok $status "calls end in the engine when all sections abort ($cc)"
	if grep -q '# SKIP' "$tmp/out"; then
		skip "sections abort at numbered points ($cc)" "$(sed -n 's/.*# SKIP //p' "$tmp/out")"
	else
		is "$(grep -c '^ok' "$tmp/out")" 16 "every point and every pair of points is tried ($cc)"
	fi
done
done_testing
