#!/bin/sh
# SPDX-License-Identifier: MIT
# Each example does what it says, is short, and is tried here at all.
. "$(dirname "$0")/../tap.sh"
cd "$OPV_SRC" || exit 1
set -u

tried=
# example NAME OUTPUT
example() {
	tried="$tried $1"
	is "$(timeout 100 "$OPV_BUILD/examples/$1" 2>&1; echo "status $?")" "$2
status 0" "example $1 says what it should"
}

example counter "4000000 of 4000000, 4000000 loops
4000000 values, half of them at most 511, 99 percent at most 1023"
example ref "200 of 200 tables are gone, none too early"
example freelist "made and freed: the same"
example pool "opened far fewer than were used: yes
kept when idle: 0"
example stack "pushed and popped: the same"
example shared "200000 of 200000"
example ring "read and lost: 300000 of 300000, 0 damaged"
example lock "600000 of 600000"
example rwlock "200 changes, 0 mixed lookups"
if [ "$(cat /sys/devices/system/cpu/possible)" = 0 ]; then
	tried="$tried vector"
	skip "example vector says what it should" "there is one CPU only"
else
	example vector "give CPU 0 a budget: done
take from it: done
give it to the last CPU: done
take what was there before: stopped by operation 1
a length that addition does not have: Invalid argument
memory that is not there: Bad address
memory that may have gone: Resource temporarily unavailable
a CPU that cannot be: Invalid argument
CPU 0 has 70, value is 1"
fi

for source in examples/*.c; do
	name=$(basename "$source" .c)
	ok "$(echo "$tried " | grep -q " $name "; echo $?)" "example $name is tried"
	ok "$([ "$(wc -l <"$source")" -le 80 ]; echo $?)" "example $name has 80 lines at most"
	is "$(grep -E '^# *include' "$source" | grep -E '"|src/|core/')" "" \
		"example $name needs the installed headers only"
	for cc in gcc clang; do
		if command -v $cc >/dev/null; then
			$cc -std=gnu11 -O2 -Wall -Wextra -Werror -Iinclude -o "$tmp/$name" "$source" \
				"$OPV_BUILD/libopv.a" -pthread 2>"$tmp/errors"
			ok $? "example $name compiles without warnings, $cc"
		else
			skip "example $name compiles without warnings, $cc" "there is no $cc"
		fi
	done
done

done_testing
