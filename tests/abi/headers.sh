#!/bin/sh
# SPDX-License-Identifier: MIT
# Each public header compiles alone, in every language and by every compiler, without a warning.
set -u
. "$(dirname "$0")/../tap.sh"

cd "$OPV_SRC/include" || exit 1
headers=$(find opv -name '*.h' ! -path '*/compat/*' ! -path '*/arch/x86_64.h' ! -path '*/arch/none.h' | sort)
warnings='-Wall -Wextra -Werror'

# alone COMPILER OPTIONS: each header, twice, in a file of its own.
alone() {
	bad=0
	for h in $headers; do
		printf '#include <%s>\n#include <%s>\nint opv_test_nothing;\n' "$h" "$h" >"$tmp/t.c"
		# shellcheck disable=SC2086
		$1 $2 $warnings -I. -c -o "$tmp/t.o" "$tmp/t.c" >"$tmp/log" 2>&1 || {
			bad=1
			diag "$h: $(head -n 5 "$tmp/log")"
		}
	done
	ok $bad "$1 $2: each header alone"
}

for cc in gcc clang; do
	if ! command -v $cc >/dev/null; then
		skip "headers with $cc" "no $cc here"
		continue
	fi
	alone $cc '-std=gnu11 -O2'
	alone $cc '-std=gnu17 -O0 -Wpedantic -Wno-overlength-strings'
	alone $cc '-std=gnu11 -O2 -fPIC -Wshadow -Wconversion -Wno-sign-conversion -Wundef -Wstrict-prototypes'
	alone $cc '-std=gnu11 -O2 -DOPV_NO_SECTIONS'
	alone $cc '-std=gnu11 -O1 -DOPV_UNLOADABLE -DOPV_COMPARE_TWICE'
done
for cc in g++ clang++; do
	if ! command -v $cc >/dev/null; then
		skip "headers with $cc" "no $cc here"
		continue
	fi
	for std in c++11 c++17 c++20 gnu++20; do
		alone "$cc -x c++" "-std=$std -O1"
	done
	alone "$cc -x c++" '-std=c++17 -O1 -DOPV_NO_SECTIONS'
done
if command -v musl-gcc >/dev/null; then
	alone musl-gcc '-std=gnu11 -O2'
else
	skip "headers with musl" "no musl-gcc here"
fi

# Every call, from C++, by name and by type.
cat >"$tmp/calls.cc" <<-'END'
#include <opv/opv.h>
#define OPV_RMW(name, name_at, bits, op, order) \
int f_##name(opv_domain *d, uint##bits##_t *h) { return name(h, 1, 0) + name_at(d, h, 1, OPV_THIS_CPU); }
#define OPV_FETCH(name, name_at, bits, op, order) \
int f_##name(opv_domain *d, uint##bits##_t *h) { uint##bits##_t o; return name(h, 1, &o, 0) + name_at(d, h, 1, &o, OPV_THIS_CPU); }
#define OPV_CMPXCHG(name, name_at, bits, op, order) \
int f_##name(opv_domain *d, uint##bits##_t *h) { uint##bits##_t o; return name(h, 1, 2, &o, 0) + name_at(d, h, 1, 2, &o, OPV_THIS_CPU); }
#define OPV_WORD(name, name_at, op, order) \
auto f_##name() -> decltype(&name_at) { return &name_at; }
#include <opv/calls.def>
template <typename T> int by_type(T *h, T *old)
{
	return opv_add(h, 1, 0) + opv_min(h, 1, 0) + opv_max(h, 1, 0) + opv_xchg(h, 1, old, 0) +
	       opv_cmpxchg(h, 1, 2, old, 0);
}
int all(long *a, unsigned char *b, short *c) { return by_type(a, a) + by_type(b, b) + by_type(c, c); }
END
for cc in g++ clang++; do
	command -v $cc >/dev/null || continue
	# shellcheck disable=SC2086
	$cc -std=c++11 -O1 $warnings -I. -c -o "$tmp/calls.o" "$tmp/calls.cc" >"$tmp/log" 2>&1
	ok $? "$cc: every call by name and by type, in C++"
	diag "$(head -n 8 "$tmp/log")"
done
done_testing
