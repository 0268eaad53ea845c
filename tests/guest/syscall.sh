#!/bin/sh
# SPDX-License-Identifier: MIT
# The system call, on kernels with our patches: their own selftests, and what the module
# is tested with, for callers of 64 and of 32 bits.  What depends on the kernel around it more
# than on the call is tested with the module, on Debian's kernels.
. "$(dirname "$0")/kernel_call"

# selftests TREE NUMBER COMPILER SUFFIX: by their own Makefile, linked statically; left
# in $tmp with the suffix in their names.
selftests() {
	make -s -C "$1/tools/testing/selftests/cpu_opv" OUTPUT="$tmp/self$4" CC="$3" LDFLAGS=-static \
		KHDR_INCLUDES="-idirafter $1/include/uapi -D__NR_cpu_opv=$2" >/dev/null 2>"$tmp/err" || return 1
	for test in basic_test abort_test; do mv "$tmp/self$4/$test" "$tmp/$test$4" || return 1; done
}

# selftest KERNEL PROGRAM KNOWN-SKIPS: in its own guest.
selftest() {
	known_skips=$3
	guest_ok "$1: selftest $2" -c 4 -a hugepages=4 -f "$tmp/$2" "$1" "exec ./$2"
	diag "$(printf '%s\n' "$out" | grep '^# \(PASSED\|FAILED\|Totals\)')"
	printf '%s\n' "$out" | sed -n 's/^ok [0-9]* \(.*SKIP.*\)/\1/p' | while read -r skipped; do
		printf '%s\n' "$skipped" | grep -qE -- "$known_skips" || echo "$skipped"
	done >"$tmp/skipped"
	is "$(cat "$tmp/skipped")" "" "$1: selftest $2 skips nothing"
}

# rseq_selftests TREE: the kernel's own of rseq, with fewer threads than by default, while vectors
# run beside them, as a part of the next guest; $rseq, options of that.  They register areas
# of their own.
rseq_selftests() {
	from=$1/tools/testing/selftests/rseq rseq=
	for test in basic_test param_test; do
		$CC -O2 -static -I"$from" -I"$from/.." -idirafter "$1/include/uapi" -idirafter "$1/tools/include" \
			-o "$tmp/rseq_$test" "$from/$test.c" "$from/rseq.c" -pthread >/dev/null 2>&1 || return 1
		rseq="$rseq -f $tmp/rseq_$test"
	done
	also rseq '
		(while [ ! -e /tmp/stop ]; do ./cases || exit 1; done >/tmp/cases) & pid=$!
		export GLIBC_TUNABLES=glibc.pthread.rseq=0
		failed=0
		for test in "basic_test" "param_test -T s" "param_test -T l" "param_test -T b" \
			"param_test -T m" "param_test -T i" "param_test -T r"; do
			[ "$test" = basic_test ] || test="$test -t 6 -r 2000"
			timeout 100 ./rseq_$test >/tmp/out 2>&1 && continue
			echo "$test: $?"
			cat /tmp/out
			failed=1
		done
		touch /tmp/stop
		wait $pid || { cat /tmp/cases; exit 2; }
		exit $failed'
}

call() {
	kernel=$1
	tree=$cache/source/$(field "$kernel" 3)/tree
	nr=$(awk '$3 == "cpu_opv" { print $1 }' "$tree/arch/x86/entry/syscalls/syscall_64.tbl")
	guest_ok "$kernel: it has the call, for callers of 64 and of 32 bits" -c 1 "$kernel" \
		'grep -qw __x64_sys_cpu_opv /proc/kallsyms && grep -qw __ia32_sys_cpu_opv /proc/kallsyms'
	mkdir -p "$tmp/self" "$tmp/self32"
	selftests "$tree" "$nr" "$CC" ""
	ok $? "$kernel: the selftests are built"
	is "$(cat "$tmp/err")" "" "$kernel: without warnings"
	selftest "$kernel" basic_test '^$'
	selftest "$kernel" abort_test '^$'
	if selftests "$tree" "$nr" "$CC -m32 -idirafter /usr/include/x86_64-linux-gnu" 32; then
		selftest "$kernel" basic_test32 '^$'
	else
		skip "$kernel: selftest basic_test32" "there is no static C library of 32 bits"
	fi

	aid=$("$harness/module" -d "$harness/aid" "$kernel" 2>"$tmp/err")
	ok $? "$kernel: the driver for tests is built"
	programs32 "$kernel"
	rseq= with_rseq="$kernel: selftests of rseq pass while vectors run"
	if [ "$kernel" = 6.1-call ]; then
		rseq_selftests "$tree" || { rseq=; skip "$with_rseq" "they are not built here"; }
	fi
	known_skips="the device's structure\$"
	# shellcheck disable=SC2086 # lists of words
	guest_taps -c 4 -t 300 -a OPV_SYSCALL_NR=$nr -a secretmem.enable=1 $devices -i "$aid" $rseq \
		"$kernel" $call_programs $programs32 sections words remote waits fuzz_call
	[ -z "$rseq" ] || part_ok rseq "$with_rseq"
}

for kernel in 6.1-call 7.2-call; do
	have $kernel "the system call on $kernel" && call $kernel
done
done_testing
