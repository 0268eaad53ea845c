#!/bin/sh
# SPDX-License-Identifier: MIT
# opv run: text that does not parse is refused with the place of what is wrong.
. "$(dirname "$0")/common"
set -u

# LINE:COLUMN<tab>part of the message<tab>the text, with \n and \t for printf
cat >"$tmp/cases" <<'END'
1:1	not "foo"	foo
1:1	not "5"	5
1:1	not "="	= 5
2:3	not "foo"	u8 a\\n  foo a
1:7	not "foo"	u8 a; foo
1:4	name of the variable is missing	u8 
1:4	not "5"	u8 5
1:7	a type	const mb
1:6	the end of the statement	u8 a b
1:8	a number is missing	u8 a = \\nmb
1:8	a number should	u8 a = b
1:8	a number should	u8 a = "x"
1:8	does not fit in 1 byte	u8 a = 256
1:8	does not fit in 1 byte	s8 a = -129
1:9	does not fit in 64 bits	u64 a = 18446744073709551616
1:9	does not fit in 64 bits	u64 a = -9223372036854775809
1:11	a number is	u64 a = 0xg
1:10	a number is	u64 a = 1x
1:11	a number is	u64 a = 0b2
1:11	declared already, in line 1	u8 a; u32 a
3:4	declared already, in line 2	\\nu8 a\\nu8 a
1:8	need = "..."	bytes a
1:7	1 to 65536	bytes[0] a
1:7	1 to 65536	bytes[65537] a
1:9	"]"	bytes[8 a
1:14	3 bytes, the variable 2	bytes[2] a = "abc"
1:11	1 to 65536	bytes a = ""
1:11	does not end	bytes a = "abc
1:13	an escape is	bytes a = "a\\qc"
1:16	two hexadecimal digits	bytes a = x"00 1"
1:8	one character	u8 a = 'ab'
1:8	one character	u8 a = ''
1:8	p, the first operand of add, is missing	add    
1:11	count, the second operand of add, is missing	u8 a;add a
1:13	count, the second operand	u8 a; add a b
1:8	dst, the first operand of memcpy, is written	memcpy 5 6
1:5	is written	add "a" 1
1:16	no variable "b"	u8 a; memcpy a b
1:18	src, the second operand of memcpy, should stand here, not "["	u8 a; memcpy a[0][2] 5
1:16	offsets 0 to 1	u8 a; memcpy a[2] 5
1:15	offsets 0 to 1	u8 a;memcpy a[-1] 5
1:15	how many bytes	u8 a; add @8 1
1:16	how many bytes	u8 a;add a[0] 1;
1:15	how many bytes	compare_eq 1 1
1:33	their sizes are 1 and 2	u8 a; u16 bb;      compare_eq a bb
1:15	does not fit in 1 byte	u8 a;memcpy a 256
1:15	string has 2 bytes, the operation 1	u8 a;memcpy a "ab"
1:12	at most 8 bytes	compare_eq 1 2 9
1:16	a length is	compare_eq 1 2 -1
1:16	a length is	u8 a; add a 1  4294967296
1:16	a number of bits	u8 a; lshift a -1
1:11	an address	u8 a;add @a 1
1:5	',' means nothing here	u8 a, b
1:3	0x01 means nothing here	mb\\001
END
while IFS='	' read -r place message text; do
	# shellcheck disable=SC2059 # a format on purpose
	printf "$(printf '%s' "$text" | sed 's/\\\\n/\\n/g; s/\\\\0/\\0/g')" >"$tmp/text"
	ran "$opv" run "$tmp/text"
	name=$(printf '%s' "$text" | sed 's/#/+/g')
	is "$status ${err%%: "${err#opv run: *:*:*: }"}" "2 opv run: $tmp/text:$place" "at $place: $name"
	case $err in
	*"$message"*) ok 0 "and why: $message" ;;
	*) ok 1 "and why: $message" && diag "$err" ;;
	esac
	is "$out" "" "and nothing else is printed"
done <"$tmp/cases"

# The line and the caret.
printf 'u8 a\n\tadd \303\251 1\n' >"$tmp/text"
ran "$opv" run "$tmp/text"
is "$(sed -n 2,3p "$tmp/err")" "$(printf '    \tadd \303\251 1\n    \t    ^')" \
	"the line is shown, the caret under the column, behind tabs and UTF-8 too"
awk 'BEGIN { for (i = 0; i < 257; i++) print "u8 v" i }' >"$tmp/text"
ran "$opv" run "$tmp/text"
is "$status ${err%% there*}" "2 opv run: $tmp/text:257:1:" "256 variables, no more"
awk 'BEGIN { for (i = 0; i < 1001; i++) print "mb" }' >"$tmp/text"
ran "$opv" run "$tmp/text"
is "$status ${err%% opv run reads*}" "2 opv run: $tmp/text:1001:1:" "1000 operations are read, no more"
head -c 1048577 /dev/zero | tr '\0' '\n' >"$tmp/text"
ran "$opv" run "$tmp/text"
is "$status" 1 "a text of more than a mebibyte is not read"
done_testing
