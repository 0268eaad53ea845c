#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# tree.sh DIR: what the module is built from, in DIR as it lies here, and a dkms.conf.
#
#	dkms add DIR && dkms install cpu-opv/VERSION
#	make -C DIR/kernel KDIR=...
set -u

fail()
{
	echo "tree.sh: $*" >&2
	exit 1
}

[ $# = 1 ] && [ -n "$1" ] || fail "which folder?"
case $1 in
/*) dir=$1 ;;
*) dir=$PWD/$1 ;;
esac
cd "$(dirname "$0")/.." || exit 1
version=$(cat VERSION) || exit 1

# Only what changed is written: what was built from the rest stays valid.
put()
{
	mkdir -p "$dir/${1%/*}" || exit 1
	cmp -s "$1" "$dir/$1" || cp "$1" "$dir/$1" || exit 1
}

for f in kernel/Kbuild kernel/Makefile kernel/tree.sh kernel/*.[ch] kernel/probe/*.c core/*.h \
	core/port/kernel.h include/opv/uapi/*.h LICENSES/*; do
	case $f in
	kernel/*.mod.c) continue ;;
	esac
	put "$f"
done
cp VERSION "$dir/VERSION" || exit 1
sed "s/@version@/$version/" packaging/dkms/dkms.conf.in >"$dir/dkms.conf" || exit 1
