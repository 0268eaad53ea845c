#!/bin/sh
# SPDX-License-Identifier: MIT
# The module and the system call on kernels that look for bad accesses, locks taken in the
# wrong order, sleep where there must be none, and data races.  OPV_GUEST_WHOLE=1 is all of it
# (make check-guest-debug); else one guest of each kernel, with what finds most.
. "$(dirname "$0")/kernel_call"

# by_call KERNEL: $with, options of guests that have the system call and no module.
by_call() {
	nr=$(awk '$3 == "cpu_opv" { print $1 }' "$cache/source/$(field "$1" 3)/tree/arch/x86/entry/syscalls/syscall_64.tbl")
	with="-a OPV_SYSCALL_NR=$nr -a secretmem.enable=1 $devices -i $aid"
}

# fuzz KERNEL WHAT: for longer, and by itself.
fuzz() {
	# shellcheck disable=SC2086 # a list of words
	guest_ok "$1: ${OPV_FUZZ_SECONDS:-30} s of random arguments, $2" -c 4 -m 1024 -t 900 $with \
		-f fuzz_call $1 "./fuzz_call ${OPV_FUZZ_SECONDS:-30}"
	diag "$(printf '%s\n' "$out" | grep -E '^#|calls with')"
}

# all KERNEL WHAT
all() {
	programs32 $1
	# shellcheck disable=SC2086 # lists of words
	guest_taps -c 4 -m 1024 -t 900 $with $1 $call_programs $programs32 $race_programs
	# shellcheck disable=SC2086
	guest_taps -c 8 -m 1024 -t 600 $with $1 offline
	fuzz "$1" "$2"
}

# What these kernels have not.
known_skips="the device's structure\$|System V shared memory\$"
for kernel in 6.1-kasan 6.1-kcsan; do
	have $kernel "the module on $kernel" && with_module $kernel || continue
	if [ -n "${OPV_GUEST_WHOLE-}" ]; then
		all $kernel "by the module"
		by_call $kernel
		all $kernel "by the system call"
	elif [ $kernel = 6.1-kasan ]; then
		# shellcheck disable=SC2086 # a list of words
		guest_taps -c 4 -m 1024 -t 300 $with $kernel cases corners waits fuzz_call
	else
		by_call $kernel
		# shellcheck disable=SC2086
		guest_taps -c 4 -m 1024 -t 300 $with $kernel cases moves
	fi
done
done_testing
