#!/bin/sh
# SPDX-License-Identifier: MIT
# Wrappers of system calls return in one of two ways, whichever the machine likes better, and
# a thread that is cancelled is unwound through them.
set -u
. "$(dirname "$0")/common"

program returns || { ok 1 "returns compiles"; done_testing; }

# Nothing of what is stepped through is counted: a section makes no progress in that, and
# what takes its place blocks signals.
case $(uname -m) in
x86_64)
	"$tmp/returns" steps >"$tmp/out"
	is "$(cat "$tmp/out")" "read ret
write ret
malloc ret" "the C library's functions return"
	OPV_STAT_RETURN=ret "$opv" stat --filter calloc -o "$tmp/table" "$tmp/returns" steps >"$tmp/out"
	is "$(cat "$tmp/out")" "read ret
write ret
malloc ret" "and so do wrappers, if they are told to"
	;;
*) skip "the ways to return" "there is one on $(uname -m)" ;;
esac
if echo 'static __attribute__((function_return("thunk-extern"))) int f(void) { return 0; } int g = sizeof(f);' |
	$CC -Werror -x c -c -o "$tmp/o" - 2>/dev/null; then
	OPV_STAT_RETURN=jump "$opv" stat --filter calloc -o "$tmp/table" "$tmp/returns" steps >"$tmp/out"
	is "$(cat "$tmp/out")" "read jump
write jump
malloc ret" "those of system calls jump, if they are told to"
else
	skip "wrappers of system calls jump" "$CC has no attribute for it"
fi
"$opv" stat --filter calloc -o "$tmp/table" "$tmp/returns" steps >"$tmp/out"
grep -Eq '^read (ret|jump)$' "$tmp/out"
ok $? "untold they do what was found better: $(head -n 1 "$tmp/out")"

for what in self late other; do
	"$tmp/returns" $what >"$tmp/plain" 2>&1
	status=$?
	for how in ret jump; do
		for flag in -n ""; do
			OPV_STAT_RETURN=$how "$opv" stat $flag -j -o "$tmp/json" "$tmp/returns" $what >"$tmp/out" 2>&1
			is "$? $(cat "$tmp/out")" "$status $(cat "$tmp/plain")" \
				"cancelled, $what${flag:+, $flag}, $how: as without us"
		done
	done
	case $what in
	self) count=10 ;;
	late) count=20 ;;
	other) count=30 ;;
	esac
	is "$(grep -c 'cleans up' "$tmp/plain") $(field "$tmp/json" read calls)" "1 $count" \
		"$what: was cancelled, and each call that returned is counted"
done
done_testing
