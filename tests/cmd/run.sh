#!/bin/sh
# SPDX-License-Identifier: MIT
# opv run: what it executes, prints and answers.
. "$(dirname "$0")/common"
set -u

# gives TEXT VARIABLE WANTED: its value afterwards.
gives() {
	got=$("$opv" run --json -e "$1" | json "(grep { \$_->{name} eq '$2' } @{\$d->{variables}})[0]{new}")
	is "$got" "$3" "$1: $2 is $3"
}

# answers STATUS TEXT NAME
answers() {
	ran "$opv" run -e "$2"
	is "$status" "$1" "$3"
}

# Every operation, on values where each gives something else.
cat >"$tmp/operations" <<'END'
compare_eq	a 12
compare_ne	a 12
memcpy	a b	10
add	a 10	22
or	a 10	14
and	a 10	8
xor	a 10	6
lshift	a 3	96
rshift	a 2	3
mb	-	12
memcpy_release	a b	10
add_release	a 10	22
min	a 10	10
max	a -1	255
smin	a -1	255
smax	a -1	12
END
while read -r op rest; do
	case $op in
	compare_*) gives "u8 a = 12; u8 b = 10; $op a b" a 12 ;;
	mb) gives "u8 a = 12; mb" a 12 ;;
	*)
		want=${rest##*	}
		gives "u8 a = 12; u8 b = 10; $op ${rest%	*}" a "$want"
		;;
	esac
done <"$tmp/operations"
sed -n 's/^\tX([A-Z_]*,[\t ]*[0-9]*, *[A-Z]*, *\([a-z_]*\),.*/\1/p' "$OPV_SRC/include/opv/uapi/ops.h" |
	sort >"$tmp/listed"
cut -f 1 "$tmp/operations" | sort >"$tmp/tried"
ok "$([ -s "$tmp/listed" ]; echo $?)" "the list of operations was found"
is "$(diff "$tmp/listed" "$tmp/tried")" "" "these are all operations of OPV_OPS"
"$opv" run --help | sed -n '/^Operations:/,/^$/s/^  \([a-z_]*\).*/\1/p' | sort >"$tmp/helped"
is "$(diff "$tmp/listed" "$tmp/helped")" "" "--help names all of them"

# Values and types.
gives 'u64 a = 0xffffffffffffffff' a 18446744073709551615
gives 's64 a = -9223372036854775808' a -9223372036854775808
gives 's16 a; add a -5' a -5
gives 'u32 a = 0b101' a 5
gives "u8 a = 'A'; add a 1" a 66
gives "u8 a = '\\n'" a 10
gives 'u8 a = -1' a 255
gives 'u8 a = 200; add a 100' a 44
gives 'bytes a = "hi\x00\"\\"' a 686900225c
gives 'bytes[4] a = "hi"' a 68690000
gives 'bytes a = x"00 fFA1"' a 00ffa1
gives 'bytes[8] a; memcpy a[2] "xy" 2' a 0000787900000000
gives 'bytes[8] a; u16 b = 0x4142; memcpy a[6] b' a 0000000000004241
gives 'bytes[4] a = "abcd"; memcpy a[1] a 3' a 61616263
gives 'u32 a; memcpy a 7' a 7
gives '# nothing
u8 a = 1 # one
	add a 1;;add a 1' a 3

# Results.
answers 0 'u8 a; compare_eq a 0' "done is 0"
like "$out" '^result: 0 \(done\)$' "done is said"
answers 3 'u8 a; add a 1
compare_ne a 1; add a 1' "a compare that stops it is 3"
like "$out" '^result: 2 \(operation 2 stopped it, -e1:2: compare_ne a 1\)$' "which operation, on which line"
like "$out" '^u8 a  0 \(0x0\) -> 1 \(0x1\)$' "what came before it was done, what came after was not"
answers 0 '' "no operation is a fence"
answers 1 'add @0x0 1 8' "an address that is not there is 1"
like "$out" '^result: -14 EFAULT \(-e1:1: p, 8 bytes at 0x0, is not there\)$' "which one"
answers 1 'u64 a; memcpy a @0x10?' "one that may fault, too"
like "$out" '^result: -11 EAGAIN \(-e1:1: src, 8 bytes at 0x10, is not there\)$' "and is EAGAIN"
for text in 'add @0?' 'lshift @0? 1' 'or @0?' 'compare_eq @0? 1' 'memcpy @0? 1'; do
	case $text in *' @0?') text="$text 1" ;; esac
	answers 1 "$text 8" "$text 8"
	like "$out" 'EAGAIN' "is EAGAIN"
done
answers 1 'compare_eq 1 @-8? 8' "the second operand of a compare may fault"
like "$out" 'EAGAIN' "and is EAGAIN"
answers 1 'const u8 a = 3; add a 1' "a constant is not written"
like "$out" 'EFAULT.*cannot be written' "and that is said"
like "$out" '^const u8 a  3 \(0x3\)$' "and it has not changed"
answers 1 'u8 a; u8 b; add a 1; memcpy b a 2' "what runs over a variable's end is not there"
like "$out" '^u8 a  0 \(0x0\)$' "an error changes nothing"
answers 1 'u32 a; add a 1 3' "a width that an operation does not have"
like "$out" '^result: -22 EINVAL \(-e1:1: add takes 1, 2, 4 or 8 bytes, not 3\)$' "is EINVAL, and why"
answers 1 'u32 a; lshift a 32' "a shift by the width"
like "$out" 'EINVAL \(-e1:1: 32 bits are shifted by 0 to 31\)' "is EINVAL, and why"
seventeen=$(for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17; do printf 'mb;'; done)
answers 0 "${seventeen#mb;}" "16 operations are a vector"
answers 1 "$seventeen" "17 are not"
like "$out" 'EINVAL \(a vector has at most 16 operations, not 17\)' "and that is said"
answers 1 'bytes[8192] a; memcpy a a[4096] 4097' "a copy of 4097 bytes"
like "$out" 'memcpy takes at most 4096 bytes, not 4097' "is too long, and that is said"
answers 1 'bytes[8192] a; memcpy a a[4096] 4096; memcpy a a[4096] 121' "lengths of 4217 bytes"
like "$out" 'add up to 4217 bytes, at most 4216' "are too much, and that is said"
answers 0 'bytes[8192] a; memcpy a a[4096] 4096; memcpy a a[4096] 120' "lengths of 4216 bytes are not"

# Options.
ran "$opv" run -c 0 -e 'u8 a; add a 1'
is "$status $(grep -c '^cpu: 0$' "$tmp/out")" "0 1" "-c says which CPU"
ran "$opv" run --cpu 65000 -e mb
is "$status" 1 "a CPU that cannot be is an error of the vector"
like "$out" 'EINVAL \(there is no CPU 65000, the last possible one is [0-9]+\)' "and that is said"
ran "$opv" run --cpu -1 -e mb
is "$status" 2 "a negative CPU is misuse"
ran "$opv" run --repeat 5 -e 'u8 a; compare_ne a 3; add a 1'
is "$status" 3 "--repeat ends where a compare stops it"
like "$out" '^runs: 4 of 5$' "and says when that was"
is "$("$opv" run -n 7 --json -e 'u8 a; add a 1' | json '"$d->{runs} $d->{variables}[0]{new}"')" "7 7" \
	"--repeat executes so many times"
ran "$opv" run --engine fence --json -e 'u8 a; add a 1'
is "$(json '"$d->{engine} $d->{forced}"' <"$tmp/out")" "fence 1" "--engine forces one"
is "$(json '$d->{counts}{engine_fence}' <"$tmp/out")" 1 "and it was that one"
"$opv" probe --json | json 'join "\n", grep { !$d->{engines}{$_}{available} } sort keys %{$d->{engines}}' >"$tmp/none"
if [ -s "$tmp/none" ] && [ "$(cat "$tmp/none")" != null ]; then
	ran "$opv" run --engine "$(head -n 1 "$tmp/none")" -e mb
	is "$status" 1 "an engine that is not there cannot be forced"
	like "$err" 'cannot be used here: .+' "and why is said"
else
	skip "an engine that is not there cannot be forced" "all engines are there"
fi
ran "$opv" run --engine diesel -e mb
is "$status" 2 "no such engine is misuse"
like "$err" 'diesel.*fence' "and the names of engines are told"

# Where the text comes from.
echo 'u8 a = 1' >"$tmp/a.opv"
echo 'add a 2' >"$tmp/b"
is "$(echo 'add a 4' | "$opv" run --json "$tmp/a.opv" -e 'add a 8' - "$tmp/b" | json '$d->{variables}[0]{new}')" 15 \
	"files, -e and standard input are one text, in order"
echo 'compare_eq a 1; bad' >"$tmp/c"
ran "$opv" run "$tmp/a.opv" "$tmp/c"
like "$err" "^opv run: $tmp/c:1:17: " "an error names the file"
ran "$opv" run -e 'u8 a' -e 'bad'
like "$err" '^opv run: -e2:1:1: ' "or which -e"
ran sh -c "echo bad | '$opv' run -"
like "$err" '^opv run: stdin:1:1: ' "or standard input"
ran "$opv" run "$tmp/nowhere"
is "$status" 2 "a file that is not there is misuse"
like "$err" 'nowhere: No such file' "and named"
ran "$opv" run
is "$status" 2 "no text is misuse"
ran "$opv" run --nonsense -e mb
is "$status" 2 "an unknown option is misuse"
ran "$opv" run -e mb --repeat 0
is "$status" 2 "no repetition is misuse"
ran sh -c "'$opv' run -e mb >/dev/full"
is "$status" 1 "output that cannot be written is an error"

# JSON of everything.
"$opv" run --json -c 0 -e 'u64 a = 5; bytes[2] b = "x"; memcpy a 7
compare_eq a 5' >"$tmp/json"
is "$(json 'join " ", map { $d->{$_} // "null" } qw(result error repeat runs cpu this_cpu)' <"$tmp/json")" \
	"2 null 1 1 0 0" "JSON has the result"
is "$(json '"$d->{stopped_by}{name} $d->{stopped_by}{line} $d->{stopped_by}{text}"' <"$tmp/json")" \
	"compare_eq 2 compare_eq a 5" "and what stopped it"
is "$(json 'join ",", map { "$_->{name} $_->{type} $_->{bytes} $_->{old} $_->{new} $_->{changed}" }
	@{$d->{variables}}' <"$tmp/json")" "a u64 8 5 7 1,b bytes 2 7800 7800 0" "and the variables, old and new"
is "$(json 'join ",", map { "$_->{name} $_->{length}" } @{$d->{operations}}' <"$tmp/json")" \
	"memcpy 8,compare_eq 8" "and the operations"
is "$("$opv" run --json -e 'add @0 1 8' | json '"$d->{result} $d->{error}"')" "-14 EFAULT" "and errors"
is "$("$opv" run -e 'u8 a; add a 1' | grep -c "$(printf '\033')")" 0 "there is no colour but on a terminal"
done_testing
