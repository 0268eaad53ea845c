#!/bin/sh
# SPDX-License-Identifier: MIT
# What libopv.so exports is what the headers declare, no more and no less.
set -u
. "$(dirname "$0")/../tap.sh"

cd "$OPV_SRC" || exit 1
headers=$(cd include && find opv -name '*.h' ! -path '*/compat/*' ! -path '*/arch/*' | sort)

for h in $headers; do
	echo "#include <$h>"
done >"$tmp/all.c"

if ! command -v gcc >/dev/null; then
	skip "exports against headers" "the list of declarations is made by gcc -aux-info"
	done_testing
fi

# Functions that the headers declare and do not define.  opv_no_such_width is
# there to be an error at compile time, and is nowhere.
# Inline functions of the kind that is a symbol as well, OPV_CALL, count as declared.
gcc -std=gnu11 -Iinclude -DOPV_CALL= -aux-info "$tmp/aux" -fsyntax-only "$tmp/all.c" || exit 1
grep '^/\* include/opv/.*extern ' "$tmp/aux" | sed 's| /\* (.*||' |
	sed -n 's/.*[ *]\([a-z_0-9]*\) (.*/\1/p' | grep -v '^opv_no_such_width$' >"$tmp/functions"
# Variables.
gcc -std=gnu11 -Iinclude -E -P "$tmp/all.c" |
	sed -n 's/^extern [a-z_ 0-9]*[ *]\(opv_[a-z_0-9]*\);.*/\1/p' >"$tmp/variables"
# The calls, which are inline in C and symbols for everybody else.
cat >"$tmp/calls.c" <<-'END'
#define OPV_RMW(name, name_at, ...) name name_at name##_cid name##_cid_at
#define OPV_FETCH OPV_RMW
#define OPV_CMPXCHG OPV_RMW
#define OPV_WORD OPV_RMW
#include <opv/calls.def>
END
gcc -Iinclude -E -P "$tmp/calls.c" | tr -s ' \n' '\n\n' | grep opv_ >"$tmp/calls"

sort -u "$tmp/functions" "$tmp/variables" "$tmp/calls" >"$tmp/declared"
nm -D --defined-only "$OPV_BUILD/libopv.so" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
	sort -u >"$tmp/exported"

calls=$(wc -l <"$tmp/calls")
lines=$(grep -c '^OPV_[A-Z]*(opv_' include/opv/calls.def)
is "$calls" $((4 * lines)) "each of the $lines lines of calls.def is four functions"
ok "$(grep -cx -e opv_domain_create -e opv_vector -e cpu_opv -e opv_slow_rmw "$tmp/functions" | sed 's/^4$/0/')" \
	"the declarations are found in the headers"

missing=$(comm -23 "$tmp/declared" "$tmp/exported")
is "$missing" "" "everything that the headers declare is exported"
extra=$(comm -13 "$tmp/declared" "$tmp/exported")
is "$extra" "" "nothing is exported that the headers do not declare"

static=$(nm --defined-only "$OPV_BUILD/libopv.a" 2>/dev/null | awk 'NF == 3 && $2 ~ /^[A-TV-Z]$/ { print $3 }' |
	grep -v -e '^opv_' -e '^cpu_opv$' | sort -u)
is "$static" "" "the static library defines no name outside of opv_ and cpu_opv"
duplicates=$(nm --defined-only "$OPV_BUILD/libopv.a" 2>/dev/null |
	awk 'NF == 3 && $2 ~ /^[A-TV-Z]$/ { print $3 }' | sort | uniq -d)
is "$duplicates" "" "and none twice"

needed=$(readelf -d "$OPV_BUILD/libopv.so" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' | grep -v '^libc\.so\|^ld-linux')
is "$needed" "" "it needs the C library alone"
like "$(readelf -d "$OPV_BUILD/libopv.so")" 'SONAME.*libopv\.so\.[0-9]+\]' "it has a soname with a version"
versions=$(nm -D --defined-only "$OPV_BUILD/libopv.so" | awk '$2 != "A" { print $3 }' | grep -v '@@OPV_')
is "$versions" "" "every symbol has a version"
textrel=$(readelf -d "$OPV_BUILD/libopv.so" | grep TEXTREL)
is "$textrel" "" "its text is not relocated"
done_testing
