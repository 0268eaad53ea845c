#!/bin/sh
# SPDX-License-Identifier: MIT
# The library's engines module and syscall: chosen where the kernel has cpu_opv, the same
# answers, nothing lost beside the others, and something lost when a part of the protocol
# (docs/fence.md, G1 to G9) is left out.
. "$(dirname "$0")/common"
. "$OPV_SRC/tests/stress/build.inc"

ops='basic calls vector random prepared refuse requests rewritten aborted'

# What works on the structures, and what of it is about engines; the others are arithmetic, and
# sections step by step.
structs=$(cd "$OPV_BUILD/tests/structs" && ls -- *.t | grep -vE '^(counter_histogram|ring_step)\.t$')

# engine KERNEL ENGINE FORCE OPTION...: it is found, tried, and taken for other CPUs; answers
# as the others (library.sh asks those on these kernels); nothing is lost by opv stress with
# FORCE, a list of shares; and the tests of structures pass when all goes through it.
engine() {
	kernel=$1 engine=$2 forces=$3 files=
	shift 3
	also probe './opv probe --json'
	for force in $forces; do
		also "stress $force" "OPV_FORCE=$force ./opv stress -d 3 --seed 1 --json >/tmp/json 2>/tmp/err ||
			{ cat /tmp/err; exit 1; }
			sed -n 's/^ *\"engine_$engine\": *\([1-9][0-9]*\).*/\1/p' /tmp/json | head -n 1"
	done
	guest_env=OPV_TEST_ENGINE=$engine
	shared "$OPV_BUILD/tests/structs/ring.t"
	for struct in $structs; do
		files="$files -f $OPV_BUILD/tests/structs/$struct"
		also "$struct" "OPV_TEST_ENGINE=$engine OPV_TEST_PART=10 ./$struct"
	done
	# shellcheck disable=SC2086 # lists of words
	guest_taps -c 4 -t 500 -f opv $shared $files "$@" "$kernel" $programs_here
	found
	for force in $forces; do
		part_ok "stress $force" "$kernel: opv stress with $force: nothing is lost"
		like "$out" '^[0-9]{2,}$' "$kernel: and the kernel works"
	done
	for struct in $structs; do
		taps_ok "$struct" "$kernel: ${struct%.t}, all by the engine $engine"
		like "$out" "^ok [0-9]+ - $engine executed [0-9]+ vectors" "$kernel: and it executes vectors"
	done
}

# What opv probe says of it.
found() {
	part_ok probe "$kernel: opv probe: everything works with the engine $engine"
	is "$(printf '%s\n' "$out" | perl -MJSON::PP -e 'local $/; my $d = JSON::PP->new->decode(<STDIN>);
		my $e = $d->{engines}{$ARGV[0]};
		print join " ", $e->{available} ? 1 : 0, map({ $_->{good} ? 1 : 0 } $e->{this_cpu}, $e->{other_cpu}),
			$d->{used}{vectors_this_cpu}, $d->{used}{vectors_other_cpu}' "$engine")" \
		"1 1 1 local $engine" "$kernel: $engine is there, works, and serves other CPUs"
}

# beside NAME: that program, with a library of which NAME (src/break.h) was left out.
beside() {
	build_lib "$tmp/$1" -DOPV_BREAK=OPV_BREAK_$1 -O2 &&
		$CC -std=gnu11 -O2 -I"$OPV_SRC/include" -I"$OPV_SRC/tests" -static -o "$tmp/beside-$1" \
			"$OPV_SRC/tests/guest/prog/beside.c" "$tmp/$1/libopv.a" -pthread
	ok $? "the library builds without: $1"
}

# lost KERNEL OPTION...: with each of them something is, at the latest in the tenth second, and
# nothing with the library as it is.
lost() {
	kernel=$1
	shift
	guest -c 3 -f beside -f "$tmp/beside-GUARD" -f "$tmp/beside-KERNEL_LOCK" "$@" "$kernel" '
		./beside "" 1000; echo "whole: $?"
		for what in "GUARD logs" "KERNEL_LOCK nobody"; do
			for i in 1 2 3 4 5 6 7 8 9 10; do
				./beside-$what 1000 >/tmp/out || break
			done
			echo "$what $(grep "^# lost" /tmp/out)"
		done'
	like "$out" '^whole: 0' "$kernel: nothing is lost with all of it"
	like "$out" '^GUARD .*# lost' "$kernel: without the guard something is lost"
	like "$out" '^KERNEL_LOCK .*# lost' "$kernel: without the lock something is lost"
	is "$status" 0 "$kernel: nothing else went wrong in that guest"
	[ "$status" = 0 ] || told "$status"
}

# A module that takes its time gives others the time to come between.
slow_module() {
	cp -R "$OPV_SRC/kernel" "$tmp/kernel"
	sed -i 's/if (opv_execute_one(call, i))/if (({ udelay(50); opv_execute_one(call, i); }))/
		s,^#include <linux/highmem.h>,#include <linux/delay.h>\n&,' "$tmp/kernel/span.c"
	is "$(grep -c delay "$tmp/kernel/span.c")" 2 "a module that takes its time"
	slow=$("$harness/module" -d "$tmp/kernel" "$1" 2>"$tmp/err")
	status=$?
	ok $status "it builds for $1"
	[ $status = 0 ] || diag "$(tail -n 20 "$tmp/err")"
	return $status
}

if have 6.1 "kernel engines" && module 6.1; then
	programs_here="engines $ops"
	engine 6.1 module "module:100 module:50 module:30,fence:30,local:20" -i "$module"
	beside GUARD && beside KERNEL_LOCK && slow_module 6.1 && lost 6.1 -i "$slow"
fi
for kernel in 6.12 7.2; do
	have $kernel "kernel engines on $kernel" && module $kernel || continue
	guest_env=OPV_TEST_ENGINE=module
	guest_taps -c 3 -i "$module" $kernel engines beside vector
done
if have 6.1-call "the system call"; then
	guest 6.1-call 'grep -w __x64_sys_cpu_opv /proc/kallsyms'
	if [ "$status" = 0 ]; then
		programs_here="engines beside $ops"
		engine 6.1-call syscall "syscall:100 syscall:50,fence:20" -a OPV_SYSCALL_NR=463
	else
		skip "the engine syscall" "the kernel 6.1-call that is cached does not have the system call yet"
	fi
fi
done_testing
