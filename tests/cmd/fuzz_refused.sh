#!/bin/sh
# SPDX-License-Identifier: MIT
# Vectors do what the model does where a policy or a setting takes something away.
. "$(dirname "$0")/common"
set -u
fuzz=$OPV_BUILD/fuzz/vector.t
seed=$(date +%s)
diag "seed $seed"

# fuzzes NAME COMMAND...: a second of it under that command.
fuzzes() {
	name=$1
	shift
	ran "$@" "$fuzz" "$seed" 1
	ok "$status" "$name"
	[ "$status" = 0 ] || diag "$out" "$err"
}

if "$deny" EPERM rseq true; then
	for error in EPERM ENOSYS; do
		for calls in rseq membarrier sched_setaffinity membarrier,sched_setaffinity; do
			fuzzes "without $calls ($error)" "$deny" $error $calls
		done
	done
else
	skip "without rseq" "this kernel takes no seccomp filter"
fi
fuzzes "with the tunable" env GLIBC_TUNABLES=glibc.pthread.rseq=0
fuzzes "all forced to the fence engine" env OPV_FORCE=fence:100
"$opv" probe --json | json 'join "\n", grep { $d->{engines}{$_}{available} && $_ ne "fence" }
	sort keys %{$d->{engines}}' >"$tmp/engines"
while read -r engine; do
	[ -z "$engine" ] || fuzzes "shared between the engines fence and $engine" env \
		"OPV_FORCE=fence:50,$engine:50"
done <"$tmp/engines"
done_testing
