#!/bin/sh
# SPDX-License-Identifier: MIT
# Static per-CPU variables in C and C++, shared by files, in libraries, loaded and unloaded,
# before constructors, and without memory.
set -u
. "$(dirname "$0")/../tap.sh"
cd "$tmp" || exit 1

flags="-O2 -g -Wall -Wextra -Werror -I$OPV_SRC/include"
shared="-L$OPV_BUILD -Wl,-rpath,$OPV_BUILD -lopv"
static=$OPV_BUILD/libopv.a

cat >defs.h <<-'END'
	#include <opv/percpu.h>
	OPV_DECLARE_PER_CPU(uint64_t, common);
	#ifdef __cplusplus
	extern "C"
	#endif
	uint64_t other_file(void);
	static inline uint64_t sum_of(const uint64_t *h)
	{
		uint64_t n = 0;
		for (int cpu = 0; cpu < opv_domain_cpus(NULL); cpu++)
			n += *opv_ptr(h, cpu);
		return n;
	}
END
cat >other.c <<-'END'
	#include "defs.h"
	OPV_DEFINE_PER_CPU(uint64_t, common);
	static OPV_DEFINE_PER_CPU(uint64_t, mine);
	uint64_t other_file(void)
	{
		opv_add(opv_per_cpu(common), 1, OPV_THIS_CPU);
		opv_add(opv_per_cpu(mine), 1, OPV_THIS_CPU);
		return sum_of(opv_per_cpu(mine));
	}
END
cat >main.c <<-'END'
	#include "defs.h"
	static OPV_DEFINE_PER_CPU(uint64_t, mine);
	static uint64_t before;
	__attribute__((__constructor__(101))) static void first(void) { before = other_file(); }
	static void preinit(int argc, char **argv, char **envp)
	{
		(void)argc, (void)argv, (void)envp;
		opv_add(opv_per_cpu(common), 100, OPV_THIS_CPU);
	}
	#ifndef NO_PREINIT
	__attribute__((__section__(".preinit_array"), __used__))
	static void (*const preinit_entry)(int, char **, char **) = preinit;
	#endif
	int main(void)
	{
		opv_add(opv_per_cpu(common), 10, 0);
	#ifdef NO_PREINIT
		preinit(0, 0, 0);
	#endif
		return before != 1 || other_file() != 2 || sum_of(opv_per_cpu(common)) != 112 ||
		       sum_of(opv_per_cpu(mine));
	}
END
cat >main.cc <<-'END'
	#include "defs.h"
	namespace some {
		OPV_DEFINE_PER_CPU(long, counter);
		struct point { int x, y; };
		static OPV_DEFINE_PER_CPU(point, where);
	}
	struct early {
		uint64_t n;
		early() : n(other_file()) { opv_add(opv_per_cpu(some::counter), 1, OPV_THIS_CPU); }
	};
	static early object;
	template <typename T> int add(T n)
	{
		static OPV_DEFINE_PER_CPU(T, each);
		return opv_add(opv_per_cpu(each), n, 0) || *opv_ptr(opv_per_cpu(each), 0) != n;
	}
	int main()
	{
		if (opv_per_cpu_init(some::where) || opv_add(&opv_per_cpu(some::where)->y, 2, 0))
			return 1;
		opv_add(opv_per_cpu(common), 10, 0);
		return object.n != 1 || opv_ptr(opv_per_cpu(some::where), 0)->y != 2 || add(5) || add(5l) ||
		       sum_of((uint64_t *)opv_per_cpu(some::counter)) != 1 ||
		       sum_of(opv_per_cpu(common)) != 11 || opv_per_cpu_free(some::where);
	}
END

# try NAME COMPILER ARGUMENT...
try() {
	name=$1
	shift
	if "$@" -o prog >log 2>&1; then
		timeout 60 ./prog >log 2>&1
		status=$?
	else
		status=1
	fi
	[ $status = 0 ] || diag "exit status $status" "$(head -n 20 log)"
	ok $status "$name"
}

# shellcheck disable=SC2086
for cc in gcc clang; do
	if ! command -v $cc >/dev/null; then
		skip "variables of several files, $cc" "there is no $cc"
		continue
	fi
	try "variables of several files, $cc, static library" $cc -std=gnu11 $flags main.c other.c "$static"
	try "variables of several files, $cc, shared library" $cc -std=gnu11 $flags main.c other.c $shared
	try "without a warning, $cc" $cc -std=gnu17 $flags -Wpedantic -Wshadow -Wconversion \
		-Wno-sign-conversion main.c other.c "$static"
	try "static program, $cc" $cc -std=gnu11 $flags -static main.c other.c "$static"
	$cc -std=gnu11 $flags -fPIC -shared -o libother.so other.c $shared &&
		try "one that a library defines, $cc" $cc -std=gnu11 $flags -DNO_PREINIT main.c \
			-L. -Wl,-rpath,"$tmp" -lother $shared
done
# shellcheck disable=SC2086
for cxx in g++ clang++; do
	if ! command -v $cxx >/dev/null; then
		skip "C++, $cxx" "there is no $cxx"
		continue
	fi
	gcc -std=gnu11 $flags -c other.c
	for std in c++11 c++20; do
		try "C++, $cxx $std" $cxx -std=$std $flags -Wpedantic main.cc other.o "$static"
	done
done

# Loaded, unloaded and loaded again; what it holds is more than a domain has room for five times.
cat >plugin.c <<-'END'
	#include <opv/opv.h>
	static OPV_DEFINE_PER_CPU(uint64_t, hits);
	static OPV_DEFINE_PER_CPU(char[1 << 20], large);
	#ifdef CONSIDERATE
	__attribute__((__destructor__)) static void leave(void)
	{
		opv_per_cpu_free(hits);
		opv_per_cpu_free(large);
	}
	#endif
	__attribute__((__constructor__)) static void enter(void) { opv_add(opv_per_cpu(hits), 1, 0); }
	int plugin(void)
	{
		if (opv_per_cpu_init(large))
			return -1;
		opv_add(&(*opv_per_cpu(large))[1], 1, 0);
		opv_add(opv_per_cpu(hits), 1, 0);
		return (int)*opv_ptr(opv_per_cpu(hits), 0) + (*opv_ptr(opv_per_cpu(large), 0))[1];
	}
END
cat >loader.c <<-'END'
	#include <dlfcn.h>
	#include <stdio.h>
	int main(int argc, char **argv)
	{
		int i, ret = 0;
		(void)argc;
		for (i = 0; i < 20 && ret >= 0; i++) {
			void *so = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
			int (*plugin)(void) = so ? (int (*)(void))dlsym(so, "plugin") : NULL;
			if (!plugin)
				return printf("%s\n", dlerror());
			ret = plugin();
			if (ret >= 0 && ret != 3)
				return printf("%d\n", ret);
			dlclose(so);
		}
		return printf("loaded %d times\n", i) < 0;
	}
END
# shellcheck disable=SC2086
{
	$CC -std=gnu11 -O2 -o loader loader.c -ldl &&
		$CC -std=gnu11 $flags -fPIC -shared -o plugin.so plugin.c $shared &&
		$CC -std=gnu11 $flags -fPIC -shared -DCONSIDERATE -o considerate.so plugin.c $shared
	ok $? "a plugin compiles"
}
is "$(timeout 60 ./loader ./considerate.so)" "loaded 20 times" \
	"a plugin that gives its variables back is loaded again and again, and finds them 0"
like "$(timeout 60 ./loader ./plugin.so)" '^loaded [3-6] times$' \
	"one that does not finds them 0 too, until there is no room"

# No address space for a domain: said, and a fault, but not another variable's memory.
cat >poor.c <<-'END'
	#include <opv/opv.h>
	#include <sys/resource.h>
	static OPV_DEFINE_PER_CPU(uint64_t, hits);
	int main(int argc, char **argv)
	{
		struct rlimit all, none;
		(void)argv;
		getrlimit(RLIMIT_AS, &all);
		none = all;
		none.rlim_cur = 1 << 20;
		setrlimit(RLIMIT_AS, &none);
		if (argc > 1)
			opv_add(opv_per_cpu(hits), 1, OPV_THIS_CPU);
		if (opv_per_cpu_init(hits) != -12)
			return 1;
		setrlimit(RLIMIT_AS, &all);
		return opv_per_cpu_init(hits) || opv_add(opv_per_cpu(hits), 1, 0);
	}
END
# shellcheck disable=SC2086
$CC -std=gnu11 $flags -o poor poor.c "$static"
./poor
is $? 0 "no address space: ENOMEM; some again: it works"
is "$( (./poor use; echo $?) 2>/dev/null)" 139 "used without: a fault"
done_testing
