#!/bin/sh
# SPDX-License-Identifier: MIT
# Odd times and places: before constructors, in loaded libraries, in programs that are
# executed, and where the library cannot do anything.
set -u
. "$(dirname "$0")/common"

program early -ldl
says well "a constructor, main and a destructor" on "$tmp/early" main
says well "exec" on "$tmp/early" exec
says "well
well
well
well" "fork, vfork and posix_spawn, then exec" on "$tmp/early" start

cat >"$tmp/plugin.c" <<'C'
#include <stdlib.h>
#include <string.h>
static char *text;
static __attribute__((__constructor__)) void construct(void) { text = strdup("plugin"); }
char *take(void) { return text; }
void give(char *p) { free(p); }
C
$CC -fno-builtin -shared -fPIC -o "$tmp/plugin.so" "$tmp/plugin.c"
says well "libraries that are loaded and unloaded exchange blocks with the program" \
	on "$tmp/early" load "$tmp/plugin.so"

# A library whose constructor comes before ours, and frees what it allocated then afterwards.
cat >"$tmp/first.c" <<'C'
#include <stdlib.h>
#include <string.h>
static void *before[100];
static __attribute__((__constructor__(101))) void construct(void)
{
	for (int i = 0; i < 100; i++) { before[i] = malloc(i * 50); memset(before[i], 1, i * 50); }
}
static __attribute__((__destructor__)) void destruct(void)
{
	for (int i = 0; i < 100; i++) free(before[i]);
}
C
$CC -fno-builtin -shared -fPIC -o "$tmp/first.so" "$tmp/first.c"
says well "blocks from before our constructor are freed after it" \
	env LD_PRELOAD="$lib:$tmp/first.so" "$tmp/early" main
says well "also with the libraries in the other order" env LD_PRELOAD="$tmp/first.so:$lib" "$tmp/early" main

if command -v g++ >/dev/null 2>&1; then
	cat >"$tmp/new.cc" <<'C'
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <vector>
struct alignas(256) wide { char c[300]; };
static std::map<std::string, std::vector<int>> at_start = { { "a", { 1, 2 } } };
int main()
{
	for (int i = 0; i < 10000; i++) at_start[std::to_string(i)].assign(i % 50, i);
	auto w = std::make_unique<wide[]>(3);
	if (reinterpret_cast<std::uintptr_t>(w.get()) % 256) return 1;
	volatile std::size_t huge = ~static_cast<std::size_t>(0) / 4;
	try { delete[] new char[huge]; return 2; } catch (const std::bad_alloc &) { }
	at_start.clear();
	std::puts("well");
}
C
	g++ -std=c++17 -o "$tmp/new" "$tmp/new.cc"
	says well "new and delete of C++" on "$tmp/new"
else
	skip "new and delete of C++" "there is no g++"
fi

# Where it can do nothing it passes everything on.
says well "with little address space" sh -c "ulimit -v 100000; LD_PRELOAD=$lib exec $tmp/early main"
for value in "" x 1:2:3:4:5 1:1:0:0:0 ::::; do
	says well "OPV_MALLOC_STAT=$value is harmless" on OPV_MALLOC_STAT="$value" "$tmp/early" main
done
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	chmod 755 "$tmp" "$tmp/early" && cp "$lib" "$tmp/lib.so" && chmod 755 "$tmp/lib.so"
	says well "as another user" setpriv --reuid 65534 --clear-groups \
		env LD_PRELOAD="$tmp/lib.so" "$tmp/early" main
else
	skip "as another user" "not root, or no setpriv"
fi

# Memory that is short: what lies in the caches is given up before an allocation fails.
cat >"$tmp/short.c" <<'C'
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
int main(void)
{
	static void *p[200000];
	struct rlimit limit = { 400 << 20, 400 << 20 };
	size_t i, n, round, first = 0;
	setrlimit(RLIMIT_AS, &limit);
	for (round = 0; round < 4; round++) {
		size_t size = round % 2 ? 3000 : 30000;
		for (n = 0; n < 200000 && (p[n] = malloc(size)); n++)
			memset(p[n], 1, size);
		if (n < 200000 && errno != ENOMEM) return 1;
		if (round == 0) first = n;
		if (round == 2 && n < first * 9 / 10) return 2;
		for (i = 0; i < n; i++) free(p[i]);
	}
	puts("well");
	return 0;
}
C
$CC -O1 -fno-builtin -o "$tmp/short" "$tmp/short.c"
says well "a program that uses up its memory can do so again" on "$tmp/short"
done_testing
