#!/bin/sh
# SPDX-License-Identifier: MIT
# man-tree.sh FROM TO: lay out the pages FROM/NAME.SECTION as TO/manSECTION/, with
# a one-line page for every further name in a page's NAME section.
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
