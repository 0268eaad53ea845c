#!/bin/sh
# SPDX-License-Identifier: MIT
# Threads that allocate, hand blocks to each other, move, fork and end: no block is ever
# given to two.
set -u
. "$(dirname "$0")/common"

program threads
good="all blocks were whole"
for n in 1 $cpus $((4 * cpus)) $((8 * cpus)); do
	says "$good" "$n threads hand blocks to each other" on "$tmp/threads" "$n" 500
done
says "$good" "threads that change CPUs" on "$tmp/threads" $((4 * cpus)) 1000 move
says "$good" "threads that end and are started" on "$tmp/threads" 4 700 short
says "$good" "children of a process with threads" on "$tmp/threads" $((2 * cpus)) 1500 fork
says "$good" "and while threads move and end" on "$tmp/threads" $((2 * cpus)) 1500 fork move short
says "$good" "engines mixed" on OPV_FORCE=fence:10,local:30 "$tmp/threads" 8 1000 move
says "$good" "engines mixed, and children" on OPV_FORCE=fence:5,local:10 "$tmp/threads" 4 1000 fork move
says "$good" "without rseq from the C library" on GLIBC_TUNABLES=glibc.pthread.rseq=0 \
	"$tmp/threads" 8 700 move fork
says "$good" "watched" "$opv" malloc-stat -o "$tmp/table" "$tmp/threads" 8 700 move fork

# The test can fail: the same library, with a plain store where a section commits.
mkdir "$tmp/malloc" && cp "$OPV_SRC"/malloc/*.[ch] "$tmp/malloc"
perl -0777 -pi -e 's/LIKELY\(!opv_cmpeq_store\(\(intptr_t \*\)&h->head\[c\].*?\)\);/
	(__atomic_store_n(&((struct cache *)(uintptr_t)here)->head[c], first, __ATOMIC_RELAXED), h != NULL);/s' \
	"$tmp/malloc/cache.h"
cmp -s "$OPV_SRC/malloc/cache.h" "$tmp/malloc/cache.h"
ok "$([ $? -ne 0 ]; echo $?)" "a broken twin of the library was made"
$CC -std=gnu11 -I"$OPV_SRC/include" -fPIC -fvisibility=hidden -fno-builtin -O2 -shared \
	-Wl,--exclude-libs,ALL -o "$tmp/broken.so" "$tmp"/malloc/*.c "$OPV_BUILD/libopv.a"
ok $? "and compiles"
tries=0 noticed=1
while [ $noticed = 1 ] && [ $tries -lt 20 ]; do
	tries=$((tries + 1))
	LD_PRELOAD="$tmp/broken.so" timeout 20 "$tmp/threads" 8 1000 move >"$tmp/out" 2>&1 || noticed=0
done
ok $noticed "the test notices a push that is no section"
done_testing
