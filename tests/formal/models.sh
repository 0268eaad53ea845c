#!/bin/sh
# SPDX-License-Identifier: MIT
# The models in formal/: each holds in all its states, and fails when a rule is taken away.
. "$(dirname "$0")/../tap.sh"
set -u

# twin, scenario, the error that it must lead to, in words
twins() {
	cat <<'LIST'
FENCE reuse assertion the engine does not fence
ORDER reuse assertion the engine fences before it closes
LOOP reuse assertion the engine does not look at the key again after the fence
ATOMIC reuse assertion the engine closes the key by a load and a store
FINISH reuse assertion the engine does not finish what it finds pending
REOPEN reuse assertion the engine opens the key after it gave the lock back
CONFIRM reuse assertion publishing does not confirm what was read
PUBLISH reuse assertion publishing does not look whether the key is open
SINGLE mix assertion a single store does not look whether the key is open
KEY_CHECK reuse assertion a helper does not compare the key
GATE reuse assertion a helper applies although the key is closed
SECTION reuse assertion a helper applies outside a section
EARLY reuse assertion the owner takes a closed key for applied
REUSE reuse assertion the owner reuses its descriptor while the key has it
GONE,TAG_BITS=1 reuse assertion closing drops what is pending, and gone means done
LOG_OUTSIDE,TAG_BITS=0 reuse assertion a helper reads the log before its section
LOG_OUTSIDE,TAG_BITS=1 reuse assertion a helper reads the log before its section, with a tag too short
NESTED nested assertion a handler uses the descriptor that it interrupted
MASK nested invalid a handler runs while its thread has the lock
UNDO undo assertion the engine writes open, when its fence is refused, rather than taking its flag away
XCHG crash assertion closing drops what is pending, and its engine is killed
IN_PLACE crash assertion the engine does not log, and is killed
ROBUST crash invalid the lock stays with a thread that was killed
HELP crash invalid a thread waits for the owner that was killed, in place of helping
HEIR heir assertion a descriptor is used again while a key has it from its dead owner
BOUND progress non-progress a thread never gives up its own road
ONE_LOG stretch assertion the next stretch is computed into the log that the key names
REST stretch assertion whoever finds a stretch does not go on with the next
BACK stretch assertion whoever finds a stretch takes back what was stored
MERGED stretch assertion both sides of a barrier are computed at once
LIST
}

# Variants that hold: their twins above fail for no other reason.
controls() {
	cat <<'LIST'
LOG_OUTSIDE,TAG_BITS=2 reuse with a tag of two bits a log may be read before the section, three times
XCHG reuse closing may drop what is pending, if the engine lives and the owner waits
LIST
}

# model FOLDER SCENARIO [TWIN]: sets result, states and what (a line of the checker).
model() {
	mkdir -p "$tmp/$1"
	# shellcheck disable=SC2046,SC2086 # words without blanks
	"$OPV_SRC/formal/run" "$tmp/$1" "$2" ${3:+$(echo "BROKEN_$3" | tr , '\n' | sed 's/^/-D/')} \
		>"$tmp/$1/out" 2>&1
	result=$?
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$tmp/$1/out" | head -n 1)
	what=$(grep -m 1 '^pan:1:' "$tmp/$1/out")
	diag "$1: ${states:-no} states, $(sed -n 's/^ *\([0-9.]*\).total actual memory.*/\1 MB/p' "$tmp/$1/out")"
	total=$(echo "$total ${states:-0}" | awk '{ printf "%.0f", $1 + $2 }')
}

holds() { # FOLDER NAME
	ok "$result" "$2: holds in all ${states:-0} states"
	[ "$result" = 0 ] || diag "$(tail -n 30 "$tmp/$1/out")"
}

title() {
	sed -n '2s,^/\* \(.*\) \*/$,\1,p' "$1"
}

for tool in spin "${CC%% *}"; do
	command -v "$tool" >/dev/null 2>&1 && continue
	skip "the models hold, and fail when a rule is taken away" "no $tool"
	done_testing
done

total=0
for file in "$OPV_SRC"/formal/*.pml; do
	name=$(basename "$file" .pml)
	case $name in protocol | threads | any) continue ;; esac
	model "$name" "$name"
	holds "$name" "$(title "$file")"
done

# What no state reaches shows nothing.  kernel and killer have no end.
is "$(sed -n '/unreached in proctype thread/,/states)/p' "$tmp/crash/out" | tail -n 1 |
	sed 's/of .* states/of all states/')" '	(0 of all states)' "every step of a thread is reached where one is killed"

twins >"$tmp/twins"
while read -r twin scenario wanted words; do
	OPTIMIZE=-O0 model "$twin" "$scenario" "$twin"	# they are soon found
	case $result:$what in
	"1:pan:1: $wanted "*) ok 0 "fails, as it must, if $words: after ${states:-0} states" ;;
	*)
		ok 1 "fails, as it must, if $words"
		diag "wanted: $wanted"
		diag "$(tail -n 30 "$tmp/$twin/out")"
		;;
	esac
done <"$tmp/twins"

controls >"$tmp/controls"
while read -r twin scenario words; do
	model "control-$twin" "$scenario" "$twin"
	holds "control-$twin" "$words"
done <"$tmp/controls"

# Each rule that the models can take away is taken away above.
is "$(sed 's/[ ,].*//' "$tmp/twins" | sort -u | tr '\n' ' ')" \
	"$(cat "$OPV_SRC"/formal/*.pml | grep -o 'BROKEN_[A-Z_]*' | sed 's/BROKEN_//' | sort -u | tr '\n' ' ')" \
	"each rule that can be taken away is taken away"

# docs/model.md tells of each of them.
{
	ls "$OPV_SRC"/formal/*.pml | sed 's,.*/,,; s/\.pml//; /^protocol$/d; /^threads$/d; /^any$/d'
	sed 's/[ ,].*//' "$tmp/twins"
} | sort -u >"$tmp/wanted"
sed -n 's/^| \([A-Za-z_]*\) |.*/\1/p' "$OPV_SRC/docs/model.md" | grep -vx -e scenario -e twin |
	sort -u >"$tmp/told"
is "$(cat "$tmp/told")" "$(cat "$tmp/wanted")" "docs/model.md tells of each scenario and each twin"
diag "$total states in all"
done_testing
