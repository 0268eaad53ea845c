#!/bin/sh
# SPDX-License-Identifier: MIT
# 3000 times stepi in gdb complete operations, although each step aborts the section
# that it is in.
set -u
. "$(dirname "$0")/../tap.sh"

if ! command -v gdb >/dev/null; then
	skip "3000 steps of gdb complete operations" "no gdb"
	done_testing
fi
$CC -std=gnu11 -O2 -g -I"$OPV_SRC/include" -o "$tmp/endless" "$OPV_SRC/tests/debug/prog/endless.c" \
	"$OPV_BUILD/libopv.a" -pthread
ok $? "the program compiles"
cat >"$tmp/commands" <<'END'
set confirm off
set pagination off
set width 0
break stepping
run
delete
finish
stepi 3000
printf "adds %d pushes %d pops %d\n", (int)adds, (int)pushes, (int)pops
x/i $pc
kill
quit
END
timeout 300 gdb -nx -q -batch -x "$tmp/commands" "$tmp/endless" >"$tmp/out" 2>&1
diag "$(tail -n 4 "$tmp/out")"
if grep -q 'ptrace: Operation not permitted' "$tmp/out"; then
	skip "3000 steps of gdb complete operations" "ptrace is not allowed here"
	done_testing
fi
counts=$(sed -n 's/^adds \([0-9]*\) pushes \([0-9]*\) pops \([0-9]*\)$/\1 \2 \3/p' "$tmp/out")
# shellcheck disable=SC2086
set -- ${counts:-0 0 0}
[ $(($1 + $2 + $3)) -ge 3 ]
ok $? "3000 steps of gdb complete operations ($1 adds, $2 pushes, $3 pops)"
done_testing
