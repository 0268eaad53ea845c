#!/bin/sh
# SPDX-License-Identifier: MIT
# Operands of the wrong size do not compile, whatever the compiler and its options.
set -u
. "$(dirname "$0")/../tap.sh"

compilers=$CC
for c in gcc clang; do
	[ "$c" = "$CC" ] && continue
	if command -v "$c" >/dev/null; then
		compilers="$compilers $c"
	else
		skip "widths with $c" "no $c here"
	fi
done

# compile COMPILER OPTIONS STATEMENT: of a function that has h, a handle of type T, and old.
compile() {
	cat >"$tmp/t.c" <<-END
	#include <opv/opv.h>
	typedef struct { char c[3]; } three;
	typedef struct { char c[16]; } sixteen;
	int f(T *h, T *old);
	int f(T *h, T *old) { (void)old; return $3; }
	END
	$1 $2 -std=gnu11 -Wall -Wextra -I"$OPV_SRC/include" -c -o "$tmp/t.o" "$tmp/t.c" \
		>"$tmp/log" 2>&1
}

calls='opv_add(h,1,0) opv_or(h,1,0) opv_and(h,1,0) opv_xor(h,1,0)
opv_fetch_add(h,1,old,0) opv_xchg(h,1,old,0) opv_cmpxchg(h,1,2,old,0)'

# All that must compile, as one statement a type.
every=
for call in $calls 'opv_min(h,1,0)' 'opv_max(h,1,0)'; do
	every="$every${every:+ + }$call"
done

for c in $compilers; do
	for o in -O0 -O2; do
		bad=0
		for type in uint8_t int16_t uint32_t int64_t; do
			compile "$c" "$o -DT=$type -Werror" "$every" || {
				bad=1
				diag "$type: $(cat "$tmp/log")"
			}
		done
		ok $bad "$c $o: widths of 1, 2, 4 and 8 bytes compile without a warning"
		for type in three sixteen __int128; do
			bad=0
			for call in $calls; do
				compile "$c" "$o -DT=$type" "$call" && {
					bad=1
					diag "$call of $type compiles"
				}
				[ "$type" = three ] || break
			done
			ok $bad "$c $o: operands of type $type do not compile"
		done
	done
done
done_testing
