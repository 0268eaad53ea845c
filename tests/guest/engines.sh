#!/bin/sh
# SPDX-License-Identifier: MIT
# The library's engines module and syscall: chosen where the kernel has cpu_opv, the same
# answers, nothing lost beside the others, and something lost when a part of the protocol
# (docs/fence.md, G1 to G9) is left out.
. "$(dirname "$0")/common"
. "$OPV_SRC/tests/stress/build.inc"

ops='basic calls vector random prepared refuse requests rewritten aborted'

# used KERNEL ENGINE OPTION...: it is found, tried, and taken for other CPUs.
used() {
	kernel=$1 engine=$2
	shift 2
	guest -c 2 -f opv "$@" "$kernel" ./opv probe --json
	is "$status" 0 "$kernel: opv probe: everything works with the engine $engine"
	[ "$status" = 0 ] || { told "$status"; return; }
	is "$(printf '%s\n' "$out" | perl -MJSON::PP -e 'local $/; my $d = JSON::PP->new->decode(<STDIN>);
		my $e = $d->{engines}{$ARGV[0]};
		print join " ", $e->{available} ? 1 : 0, map({ $_->{good} ? 1 : 0 } $e->{this_cpu}, $e->{other_cpu}),
			$d->{used}{vectors_this_cpu}, $d->{used}{vectors_other_cpu}' "$engine")" \
		"1 1 1 local $engine" "$kernel: $engine is there, works, and serves other CPUs"
}

# stressed KERNEL OPTION... -- FORCE...: nothing is lost with that forced.
stressed() {
	kernel=$1 options= forced=
	shift
	while [ "$1" != -- ]; do
		options="$options $1"
		shift
	done
	shift
	for force; do
		forced="$forced $force"
	done
	# shellcheck disable=SC2086 # a list of words
	guest -c 4 -t 300 -f opv $options "$kernel" "
		for force in$forced; do
			OPV_FORCE=\$force ./opv stress -d 3 --seed 1 --json >/tmp/json 2>/tmp/err || cat /tmp/err
			echo \"\$force: \$? \$(sed -n 's/^ *\"engine_[sm][a-z]*\": *\([1-9][0-9]*\).*/\1/p' /tmp/json | head -n 1)\"
		done"
	for force; do
		result=$(printf '%s\n' "$out" | sed -n "s/^$force: //p")
		like "$result" '^0 [0-9]{2,}$' "$kernel: opv stress with $force: nothing is lost, and the kernel works"
	done
	is "$status" 0 "$kernel: nothing else went wrong in that guest"
	[ "$status" = 0 ] || told "$status"
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
	used 6.1 module -i "$module"
	# shellcheck disable=SC2086 # a list of words
	guest_taps -c 4 -t 400 -i "$module" 6.1 engines $ops
	stressed 6.1 -i "$module" -- module:100 module:50 module:30,fence:30,local:20
	beside GUARD && beside KERNEL_LOCK && slow_module 6.1 && lost 6.1 -i "$slow"
fi
for kernel in 6.12 7.2; do
	have $kernel "kernel engines on $kernel" && module $kernel || continue
	guest_taps -c 3 -i "$module" $kernel engines beside vector
done
if have 6.1-call "the system call"; then
	guest 6.1-call 'grep -w __x64_sys_cpu_opv /proc/kallsyms'
	if [ "$status" = 0 ]; then
		number='-a OPV_SYSCALL_NR=463'
		# shellcheck disable=SC2086 # lists of words
		used 6.1-call syscall $number
		# shellcheck disable=SC2086
		guest_taps -c 3 $number 6.1-call engines beside $ops
		stressed 6.1-call $number -- syscall:100 syscall:50,fence:20
	else
		skip "the engine syscall" "the kernel 6.1-call that is cached does not have the system call yet"
	fi
fi
done_testing
