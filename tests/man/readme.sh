#!/bin/sh
# SPDX-License-Identifier: MIT
# What the READMEs of the source name is there: files and functions.
. "$(dirname "$0")/../tap.sh"
cd "$OPV_SRC" || exit 1
set -u

# quoted FILE: what stands between single backquotes.
quoted() { grep -oE '`[^`]+`' "$1" | tr -d '`' | sort -u; }

# What is called or defined in the code.
grep -rhoE '\b[A-Za-z_][A-Za-z0-9_]*\(' src core include | tr -d '(' | sort -u >"$tmp/words"

for doc in src/README.md include/opv/arch/README.md CONTRIBUTING.md; do
	missing=
	for path in $(quoted "$doc" | grep -E '^[a-zA-Z_.-]+(/[A-Za-z0-9_.-]+)+/?$' | grep -v AREA); do
		[ -e "$path" ] || missing="$missing $path"
	done
	is "$missing" "" "$doc names files that are there"
	missing=
	for name in $(quoted "$doc" | sed -nE 's/^([A-Za-z_0-9]+)\(.*\)$/\1/p' | grep -vE 'BITS|NAME'); do
		grep -qxF "$name" "$tmp/words" || missing="$missing $name"
	done
	is "$missing" "" "$doc names functions that are there"
done

# The checklist for a port has every section that none.h has.
printf '#include <opv/arch/none.h>\n' | $CC -E -P -Iinclude - |
	grep -oE 'opv_sec_[a-z_]+' | sed 's/opv_sec_//' | sort -u >"$tmp/sections"
ok "$([ "$(wc -l <"$tmp/sections")" -gt 10 ]; echo $?)" "none.h has sections"
is "$(while read -r op; do
	grep -qE "(opv_sec_$op|[ ,]$op[, ])" include/opv/arch/README.md || echo "$op"
done <"$tmp/sections")" "" "the checklist for a port has every section"
sed 's/fetch_add//' include/opv/arch/README.md >"$tmp/less"
ok "$(! grep -qE "(opv_sec_fetch_add|[ ,]fetch_add[, ])" "$tmp/less"; echo $?)" \
	"and one that is missing would be noticed"

# One version, everywhere.
is "$(sed -n 's/^## \([0-9.]*\)$/\1/p' CHANGELOG.md | head -n 1)" "$(cat VERSION)" \
	"the changelog begins with this version"
# The licences that files name have their texts.
grep -rhE '^(//|/\*|#|\.\\") SPDX-License-Identifier:' Makefile make src core include tools tests man |
	sed 's/.*Identifier: *//; s/\*\///' | tr -d '()' | tr ' ' '\n' | grep -vE '^(OR|WITH|AND|)$' |
	sort -u >"$tmp/licences"
is "$(head -n 1 "$tmp/licences")" "GPL-2.0" "licences are found at all"
missing=
for id in $(cat "$tmp/licences"); do
	[ -f "LICENSES/$id.txt" ] || missing="$missing $id"
done
is "$missing" "" "every licence that a file names has its text in LICENSES"

done_testing
