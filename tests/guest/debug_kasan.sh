#!/bin/sh
# SPDX-License-Identifier: MIT
# The module and the system call on a kernel that looks for bad accesses, locks taken in the
# wrong order and sleep where there must be none.
. "$(dirname "$0")/debug"

kernel=6.1-kasan
if ! have $kernel "the module on $kernel" || ! with_module $kernel; then
	:
elif [ -n "${OPV_GUEST_WHOLE-}" ]; then
	whole $kernel
else
	# shellcheck disable=SC2086 # a list of words
	guest_taps -c 4 -m 1024 -t 300 $with $kernel cases corners waits fuzz_call
fi
done_testing
