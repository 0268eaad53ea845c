#!/bin/sh
# SPDX-License-Identifier: MIT
# The pages of section 3 and 7 against the headers, the library and each other.
. "$(dirname "$0")/../tap.sh"
cd "$OPV_SRC" || exit 1
set -u

pages=$(ls man/*.3)
tree=$OPV_BUILD/man

# names PAGE: what its NAME section names, one a line.
names() {
	awk '/^\.SH/ { inside = $2 == "NAME"; next } inside' "$1" | tr '\n' ' ' |
		sed 's/ *\\- .*//' | tr ',' '\n' | tr -d ' ' | grep .
}

# synopsis PAGE: its declarations, one a line.
synopsis() {
	awk '/^\.SH/ { inside = $2 == "SYNOPSIS"; next } inside && !/^\./ && !/#include/' "$1" |
		sed 's/\\f[BIR]//g; s/\\-/-/g' | tr '\n\t' '  ' | tr -s ' ' | tr ';' '\n' | sed 's/^ //' | grep .
}

# declared NAME: the name that a declaration declares.
declared() { sed 's/(.*//; s/.*[ *]//'; }

# One line for each width.
widths() {
	sed '/BITS/ { h; s/BITS/8/g; p; g; s/BITS/16/g; p; g; s/BITS/32/g; p; g; s/BITS/64/g }'
}

# What headers offer: functions (what they declare, without the architecture's own), and macros.
idents() { grep -oE '\b(opv_[a-z0-9_]+|cpu_opv) ?\(' | tr -d ' (' | sort -u; }
printf '#include <opv/arch/arch.h>\n' | $CC -E -P -Iinclude - | idents >"$tmp/arch"
printf '#include <opv/opv.h>\n' | $CC -E -P -Iinclude - | idents >"$tmp/all"
echo opv_no_such_width >>"$tmp/arch"	# a compile-time error, and no function
sort -u "$tmp/arch" -o "$tmp/arch"
comm -23 "$tmp/all" "$tmp/arch" >"$tmp/functions"
sed -nE 's/^#define (opv_[a-z0-9_]+)\(.*/\1/p' include/opv/*.h | sort -u >"$tmp/macros"
sort -u "$tmp/functions" "$tmp/macros" >"$tmp/public"
sed -n 's/^OPV_[A-Z]*(\(opv_[a-z0-9_]*\), \(opv_[a-z0-9_]*\),.*/\1\n\2/p' include/opv/calls.def |
	sort >"$tmp/calls"

# By mm_cid: a rule instead of names, in opv_cid(3).
{
	sed 's/$/_cid/; s/_at_cid$/_cid_at/' "$tmp/calls"
	sed 's/$/_cid/' "$tmp/macros" | comm -12 - "$tmp/macros"
} | sort >"$tmp/family"
is "$(comm -13 "$tmp/public" "$tmp/family")" "" "every call has its form by mm_cid"
for list in functions macros public; do
	comm -23 "$tmp/$list" "$tmp/family" >"$tmp/rest" && mv "$tmp/rest" "$tmp/$list"
done

ok "$([ "$(wc -l <"$tmp/calls")" -gt 200 ] && [ "$(wc -l <"$tmp/macros")" -gt 5 ]; echo $?)" \
	"calls and macros were found at all"
is "$(comm -13 "$tmp/functions" "$tmp/calls")" "" "every call of calls.def is a function of the headers"

for page in $pages; do names "$page"; done | sort >"$tmp/named"
is "$(uniq -d "$tmp/named")" "" "no name has two pages"
is "$(comm -23 "$tmp/public" "$tmp/named")" "" "every public function and macro has a page"
is "$(comm -13 "$tmp/public" "$tmp/named")" "opv_rseq_offset" \
	"every name in a NAME section is in the headers, as a function, macro or the one variable"
nm -D --defined-only "$OPV_BUILD/libopv.so" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
	sort >"$tmp/exported"
grep -rhoE '\b(opv_[a-z0-9_]+|cpu_opv)\b' include/opv/*.h include/opv/*.def include/opv/arch |
	sort -u | comm -12 - "$tmp/exported" | comm -23 - "$tmp/family" >"$tmp/offered"
is "$(comm -23 "$tmp/offered" "$tmp/named")" "" "every symbol that a header knows has a page"

# The tree that is installed.
missing='' broken=''
while read -r name; do
	[ -f "$tree/man3/$name.3" ] || missing="$missing $name"
done <"$tmp/named"
is "$missing" "" "every name has a page or a link in the tree that is installed"
is "$(while read -r name; do
	cat "$tree/man3/$name.3" 2>&1
done <"$tmp/family" | sort -u)" ".so man3/opv_cid.3" "those by mm_cid all lead to one"
for link in $(grep -l '^\.so ' "$tree"/man*/*); do
	[ -f "$tree/$(sed -n 's/^\.so //p' "$link")" ] || broken="$broken $link"
done
is "$broken" "" "every link leads to a page"
mkdir "$tmp/twice" && printf '.SH NAME\none, two \\- x\n' >"$tmp/twice/one.3" &&
	printf '.SH NAME\ntwo \\- y\n' >"$tmp/twice/two.3"
make/man-tree.sh "$tmp/twice" "$tmp/twice.tree" 2>/dev/null
ok "$([ $? -ne 0 ]; echo $?)" "a name that two pages claim is an error"

# SYNOPSIS: declared again next to the headers, another type would be an error.
{
	echo '#include <opv/opv.h>'
	for page in $pages; do
		echo "# 1 \"$page\""
		synopsis "$page" | widths | grep -v TYPE | sed 's/$/;/'
	done
} >"$tmp/synopsis.c"
compile() { $CC -std=gnu11 -Wall -Wextra -Werror -Iinclude -c -o "$tmp/synopsis.o" "$@" 2>"$tmp/errors"; }
compile "$tmp/synopsis.c"
agree=$?
ok $agree "the prototypes of every SYNOPSIS agree with the headers"
[ $agree = 0 ] || diag "$(head -n 5 "$tmp/errors")"
sed 's/int opv_add8(uint8_t \*p, uint8_t n/int opv_add8(uint8_t *p, uint16_t n/' "$tmp/synopsis.c" >"$tmp/wrong.c"
compile "$tmp/wrong.c"
ok "$([ $? -ne 0 ]; echo $?)" "and one that does not agree would be noticed"

for page in $pages; do
	synopsis "$page" | grep TYPE | declared
done | sort >"$tmp/typed"
is "$(comm -23 "$tmp/typed" "$tmp/macros")" "" "what a SYNOPSIS shows with TYPE is a macro"
is "$(comm -13 "$tmp/typed" "$tmp/macros")" "" "every macro is shown in a SYNOPSIS"
for page in $pages; do
	names "$page" | sort >"$tmp/a"
	synopsis "$page" | widths | declared | sort >"$tmp/b"
	cmp -s "$tmp/a" "$tmp/b" || echo "$page"
done >"$tmp/differ"
is "$(cat "$tmp/differ")" "" "NAME and SYNOPSIS of every page have the same names"

# The names of 2018: prototypes in opv-compat(7), and a word about every function.
sed 's/\\f[BIR]//g; s/\\-/-/g' man/opv-compat.7 | awk '/^(int|uint32_t|int32_t) / { on = 1 }
	on { printf "%s ", $0 } on && /;$/ { print ""; on = 0 }' >"$tmp/compat.protos"
{
	printf '#include <rseq/percpu-op.h>\n'
	cat "$tmp/compat.protos"
} >"$tmp/compat.c"
$CC -std=gnu11 -Wall -Wextra -Werror -Iinclude -Iinclude/opv/compat -c -o "$tmp/compat.o" "$tmp/compat.c" \
	2>"$tmp/errors"
ok $? "the prototypes of opv-compat(7) agree with the headers of the compatibility folder"
ok "$([ "$(wc -l <"$tmp/compat.protos")" -gt 15 ]; echo $?)" "and there are some"
is "$(grep -rhoE '^OPV_COMPAT [a-z0-9_]+ [a-z0-9_]+\(' include/opv/compat | sed 's/.* //; s/(//' |
	grep -v '^opv_compat_' | while read -r name; do
		stem=$(echo "$name" | sed 's/_release$//')
		grep -qwE "$name|$stem" man/opv-compat.7 ||
			grep -qw "$(echo "$name" | sed 's/^cpu_op_/percpu_/')" man/opv-compat.7 || echo "$name"
	done)" "" "opv-compat(7) names every function of the compatibility folder"

# Form.
is "$(for page in $pages; do
	for section in NAME SYNOPSIS DESCRIPTION 'RETURN VALUE' ERRORS ATTRIBUTES 'SEE ALSO'; do
		grep -qx "\.SH $section" "$page" || echo "$page: $section"
	done
done)" "" "every page of section 3 has its sections"
is "$(for page in $pages; do
	sed -n '/^\.SH ATTRIBUTES/,/^\.SH/p' "$page" | sed -n 2,4p | tr '\n' '|'; echo
done | sort -u)" "Thread-safe, async-signal-safe.|.I errno|is left alone.|" \
	"all pages say in the same words what threads and signal handlers may do"
is "$(grep -h -A1 -E '^ \* (Thread-safe)' include/opv/*.h | grep Thread-safe | sed 's/;.*/./' | sort -u)" \
	" * Thread-safe, async-signal-safe." "and so do the headers"
is "$(for page in $pages; do
	grep -q "$(basename "$page" .3 | sed 's/-/\\\\-/g')" man/opv.7 || echo "$page"
done)" "" "opv(7) leads to every page of section 3"

# References to pages of ours, with fonts and commas taken away.
for page in man/*.[37]; do
	sed 's/\\f[BIR]//g; s/\\-/-/g; s/["\\]//g; s/ *(\([1-8]\))/(\1)/g' "$page" |
		grep -oE '\b(opv[a-z0-9_-]*|cpu_opv)\([37]\)' | sort -u | while read -r ref; do
		n=${ref%(*} s=${ref#*(} s=${s%)}
		[ -f "$tree/man$s/$n.$s" ] || echo "$page: $ref"
	done
done >"$tmp/refs"
is "$(cat "$tmp/refs")" "" "every reference to a page of section 3 or 7 leads to one"

if command -v mandoc >/dev/null; then
	is "$(mandoc -Tlint -W warning man/*.[37] 2>&1)" "" "mandoc has nothing to say"
else
	skip "mandoc has nothing to say" "there is no mandoc"
fi
if command -v groff >/dev/null; then
	is "$(groff -man -ww -Tutf8 -z man/*.[37] 2>&1)" "" "groff has nothing to say"
else
	skip "groff has nothing to say" "there is no groff"
fi

# Examples: what stands between .EX and .EE and has a main() is a program that answers 0.
for page in man/*.[37]; do
	awk '/^\.EX/ { inside = 1; next } /^\.EE/ { inside = 0 } inside' "$page" |
		sed 's/\\-/-/g; s/\\(aq/'"'"'/g; s/\\(ha/^/g; s/\\(ti/~/g; s/\\(ga/`/g; s/^\\&//; s/\\e/\\/g' \
		>"$tmp/example"
	grep -q 'int main' "$tmp/example" || continue
	name=$(basename "$page")
	# A page may show a struct of the header first.
	sed -n '/^#include/,$p' "$tmp/example" >"$tmp/$name.c"
	$CC -std=gnu11 -O1 -Wall -Wextra -Werror -Iinclude -o "$tmp/$name" "$tmp/$name.c" \
		"$OPV_BUILD/libopv.a" -pthread && timeout 20 "$tmp/$name" >/dev/null
	ok $? "the example of $name compiles without warnings and does what it says"
done

done_testing
