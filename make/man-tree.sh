#!/bin/sh
# SPDX-License-Identifier: MIT
# man-tree.sh FROM TO [HEADERS]: lay out the pages FROM/NAME.SECTION as TO/manSECTION/,
# with a one-line page for every further name in a page's NAME section; and one to
# opv_cid(3) for the form by mm_cid of each call that HEADERS/calls.def has, or
# HEADERS/call.h by type.
set -u
from=$1 to=$2
rm -rf "$to"
for page in "$from"/*.[1-8]; do
	[ -f "$page" ] || continue
	section=${page##*.}
	mkdir -p "$to/man$section"
	cp "$page" "$to/man$section/" || exit 1
done
for page in "$from"/*.[1-8]; do
	[ -f "$page" ] || continue
	file=${page##*/} section=${page##*.}
	awk '/^\.SH/ { inside = $2 == "NAME"; next } inside' "$page" | tr '\n' ' ' |
		sed 's/ *\\- .*//; s/\\-/-/g' | tr ', ' '\n\n' | grep . |
	while read -r name; do
		link=$to/man$section/$name.$section
		[ "$name.$section" = "$file" ] && continue
		if [ -e "$link" ]; then
			echo "$page: $name has a page already" >&2
			exit 1
		fi
		echo ".so man$section/$file" >"$link"
	done || exit 1
done
[ $# -gt 2 ] || exit 0
{
	sed -n 's/^OPV_[A-Z]*(\(opv_[a-z0-9_]*\),.*/\1_cid\n\1_cid_at/p' "$3/calls.def"
	sed -nE 's/^#define (opv_[a-z_]+_cid)\(.*/\1/p' "$3/call.h"
} | while read -r name; do
	echo ".so man3/opv_cid.3" >"$to/man3/$name.3"
done
