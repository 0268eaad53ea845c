#!/bin/sh
# SPDX-License-Identifier: MIT
# The interface of malloc(3), on every engine and in every state of the library.
set -u
. "$(dirname "$0")/common"

program interface -Wno-deprecated-declarations
good="as it should be"
says "$good" "every function keeps its contract" on "$tmp/interface"
says "$good" "with half of all calls forced on to the fence engine" on OPV_FORCE=fence:50 "$tmp/interface"
says "$good" "with all of them on the local one" on OPV_FORCE=local:100 "$tmp/interface"
says "$good" "with every call out of line" on OPV_COUNT_FAST=1 "$tmp/interface"
says "$good" "without rseq from the C library" on GLIBC_TUNABLES=glibc.pthread.rseq=0 "$tmp/interface"
says "$good" "on one CPU" on taskset -c 0 "$tmp/interface"
says "$good" "watched" "$opv" malloc-stat -o "$tmp/table" "$tmp/interface"
says "$good" "behind libopv-stat.so" env LD_PRELOAD="$OPV_BUILD/libopv-stat.so:$lib" "$tmp/interface"

# Who exports what: all that malloc(3) says, nothing of libopv.
nm -D --defined-only "$lib" | awk '{ print $3 }' | sort >"$tmp/symbols"
is "$(tr '\n' ' ' <"$tmp/symbols")" "aligned_alloc calloc cfree free malloc malloc_trim \
malloc_usable_size memalign posix_memalign pvalloc realloc reallocarray valloc " \
	"the library exports the interface and nothing else"

# The test can fail.
cat >"$tmp/bad.c" <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
void *calloc(size_t n, size_t size)
{
	void *(*real)(size_t) = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
	return real(n * size);
}
C
$CC -fno-builtin -shared -fPIC -o "$tmp/bad.so" "$tmp/bad.c"
out=$(LD_PRELOAD="$tmp/bad.so:$lib" "$tmp/interface" 2>&1)
like "$out" "calloc" "a calloc() that does not clear and lets products overflow is noticed"
done_testing
