#!/bin/sh
# SPDX-License-Identifier: MIT
# The module and the system call on a kernel that looks for data races.
. "$(dirname "$0")/debug"

kernel=6.1-kcsan
if ! have $kernel "the system call on $kernel" || ! with_module $kernel; then
	:
elif [ -n "${OPV_GUEST_WHOLE-}" ]; then
	whole $kernel
else
	by_call $kernel
	# shellcheck disable=SC2086 # a list of words
	guest_taps -c 4 -m 1024 -t 300 $with $kernel cases moves
fi
done_testing
