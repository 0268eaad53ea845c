#!/bin/sh
# SPDX-License-Identifier: MIT
# Sections in inline functions and templates that two units have: the linker drops
# one of each with all that belongs to it, with LTO and without, by every linker.
set -u
. "$(dirname "$0")/../tap.sh"
here=$OPV_SRC/tests/asm

# Shared by both units: an inline function, a template, a member, and one that nobody calls.
cat >"$tmp/shared.h" <<-'END'
#include <opv/opv.h>
__attribute__((__noinline__)) inline int bump(uint64_t *h) { return opv_add64(h, 1, OPV_THIS_CPU); }
inline int unused(uint64_t *h) { return opv_xor64(h, 1, OPV_THIS_CPU) + opv_xor64(h, 2, 0); }
template <typename T> __attribute__((__noinline__)) int put(T *h, T v, int cpu) { T old; return opv_xchg(h, v, &old, cpu); }
template <typename T> struct counter {
	T *h;
	int add(T n, int cpu = OPV_THIS_CPU) { return opv_add(h, n, cpu); }
	int pop(intptr_t *list, intptr_t *node) { return opv_cmpne_load_off(list, 0, 0, node, OPV_THIS_CPU); }
};
int other(opv_domain *d, uint64_t *h, uint32_t *h32, intptr_t *list);
END
cat >"$tmp/other.cc" <<-'END'
#include "shared.h"
int dropped(uint64_t *h) { return opv_and64(h, 1, OPV_THIS_CPU) + unused(h); }
int other(opv_domain *d, uint64_t *h, uint32_t *h32, intptr_t *list)
{
	counter<uint64_t> c = { h };
	intptr_t node;
	(void)d;
	return bump(h) + put<uint32_t>(h32, 7, opv_cpu()) + c.add(5) + c.pop(list, &node) - 1;
}
END
cat >"$tmp/main.cc" <<-'END'
#include "shared.h"
#include "walk.h"
static uint64_t total(const uint64_t *h)
{
	uint64_t t = 0;
	for (int i = 0; i < opv_domain_cpus(0); i++)
		t += *opv_ptr(h, i);
	return t;
}
int main()
{
	opv_domain *d;
	uint64_t *h;
	uint32_t *h32;
	intptr_t *list, node;
	int bad, n, ret;

	if (opv_domain_create(&d, 0) || opv_new(d, &h) || opv_new(d, &h32) || opv_new(d, &list))
		return 1;
	counter<uint64_t> c = { h };
	ret = bump(h) + put<uint32_t>(h32, 9, OPV_THIS_CPU) + c.add(5) + c.pop(list, &node) - 1;
	ret += other(d, h, h32, list);
	n = walk_all(&bad);
	printf("%d descriptors\n", n);
	return ret ? 2 : bad ? 3 : total(h) != 12 ? 4 : n < 1 && OPV_HAVE_SECTIONS ? 5 : 0;
}
END

# try NAME COMPILER OPTIONS LIBRARY: builds, links, runs; warnings are errors.
try() {
	quiet=
	case $2 in
	clang*) quiet=-Wno-unused-command-line-argument ;;	# linker options when compiling
	esac
	{
		for unit in main other; do
			# shellcheck disable=SC2086
			$2 $3 -Wall -Wextra -Werror $quiet -I"$OPV_SRC/include" -I"$here" -c \
				-o "$tmp/$unit.o" "$tmp/$unit.cc" || return 1
		done
		# shellcheck disable=SC2086
		$2 $3 -o "$tmp/prog" "$tmp/main.o" "$tmp/other.o" $4 -pthread || return 1
	} >"$tmp/log" 2>&1
	if grep -qi 'warning\|discarded' "$tmp/log"; then
		return 1
	fi
	LD_LIBRARY_PATH=$OPV_BUILD "$tmp/prog" >"$tmp/out" 2>&1 || {
		echo "status $?" >>"$tmp/log"
		cat "$tmp/out" >>"$tmp/log"
		return 1
	}
}

check() {
	try "$@"
	ok $? "$1"
	[ ! -s "$tmp/log" ] || diag "$(head -n 12 "$tmp/log")"
}

can() {
	echo 'int main(void) { return 0; }' >"$tmp/can.c"
	# shellcheck disable=SC2086
	"$@" -o "$tmp/can" "$tmp/can.c" >/dev/null 2>&1
}

static=$OPV_BUILD/libopv.a
gc='-ffunction-sections -fdata-sections -Wl,--gc-sections'
for cc in g++ clang++; do
	if ! command -v $cc >/dev/null; then
		skip "two units with $cc" "no $cc here"
		continue
	fi
	check "$cc -O0" $cc -O0 "$static"
	check "$cc -O2" $cc -O2 "$static"
	check "$cc -O2, sections dropped" $cc "-O2 $gc" "$static"
	check "$cc -O0, sections dropped" $cc "-O0 $gc" "$static"
	check "$cc -O2, not PIE, sections dropped" $cc "-O2 -fno-pie -no-pie $gc" "$static"
	check "$cc -O2, the shared library" $cc "-O2 $gc" "-L$OPV_BUILD -lopv"
	check "$cc -Os, no inlining" $cc "-Os -fno-inline $gc" "$static"
	for ld in gold lld; do
		if can $cc -fuse-ld=$ld; then
			check "$cc -O1, $ld, sections dropped" $cc "-O1 -fuse-ld=$ld $gc" "$static"
		else
			skip "$cc with $ld" "it does not link here"
		fi
	done
	if can $cc -flto; then
		check "$cc -O2 -flto" $cc "-O2 -flto" "$static"
		check "$cc -O2 -flto, sections dropped" $cc "-O2 -flto $gc" "$static"
	else
		skip "$cc -flto" "it does not link here"
	fi
done
if can clang++ -flto -fuse-ld=lld; then
	check "clang++ -O2 -flto, lld" clang++ "-O2 -flto -fuse-ld=lld $gc" "$static"
else
	skip "clang++ -O2 -flto, lld" "it does not link here"
fi

# Functions that both units have are in the program once, and so are their descriptors.
in_object() {
	readelf -SW "$1" | sed -n 's/.* __rseq_cs  *PROGBITS  *[0-9a-f]* [0-9a-f]* \([0-9a-f]*\) .*/\1/p' |
		while read -r size; do echo $((0x$size / 32)); done | paste -sd+ - | sed 's/^$/0/'
}
for cc in g++ clang++; do
	command -v $cc >/dev/null || continue
	try "" $cc -O2 "-L$OPV_BUILD -lopv"
	units=$(($(in_object "$tmp/main.o") + $(in_object "$tmp/other.o")))
	program=$(sed -n 's/ descriptors//p' "$tmp/out")
	ok "$([ "${program:-0}" -gt 0 ] && [ "$program" -lt $units ]; echo $?)" \
		"$cc: of $units descriptors in two units ${program:-none} are in the program"
done
done_testing
