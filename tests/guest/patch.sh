#!/bin/sh
# SPDX-License-Identifier: MIT
# The system call's patch series, made for each kernel source that is in the cache: it
# goes in, the kernel's own checker has nothing to say, and it says what is so.
. "$(dirname "$0")/../tap.sh"
. "$OPV_SRC/tests/guest/lib"
set -u
make_patch=$OPV_SRC/kernel/make-patch.sh
SOURCE_DATE_EPOCH=1700000000
export SOURCE_DATE_EPOCH

# The files that the patches in $2 change, from source $1, alone in $3, in git.
changed_only() {
	mkdir -p "$3"
	sed -n 's,^diff --git a/\([^ ]*\) .*,\1,p' "$2"/*.patch | sort -u | while read -r file; do
		[ ! -e "$1/$file" ] || (cd "$1" && cp --parents -L "$file" "$3/") || return 1
	done
	(cd "$3" && git init -q && git add . && $git commit -q -m "the kernel")
}
git='git -c user.name=test -c user.email=test@localhost -c commit.gpgsign=false'

# taken FILE: the number that it gives to the call.
taken() {
	sed -n 's/^\([0-9]*\)[ 	].*sys_cpu_opv.*/\1/p; s/^#define __NR_cpu_opv \([0-9]*\)$/\1/p' "$1"
}

check() {
	package=$1 source=$cache/source/$1/pristine
	dir=$tmp/$package tree=$tmp/$package.tree
	"$make_patch" "$source" "$dir" 2>"$tmp/err"
	ok $? "$package: a series is made"
	ls "$dir"/0001-*.patch >/dev/null 2>&1 || { diag "$(cat "$tmp/err")"; return; }
	"$make_patch" "$source" "$dir.again" 2>/dev/null
	is "$(diff -r "$dir" "$dir.again")" "" "$package: and the same once more"

	changed_only "$source" "$dir" "$tree"
	(cd "$tree" && $git am -q "$dir"/000[1-9]-*.patch) >"$tmp/err" 2>&1
	ok $? "$package: git am takes it"
	is "$(cat "$tmp/err")" "" "$package: without a warning"
	# It leaves a file where it runs, in a folder that git knows.
	is "$(cd "$tmp" && perl "$source/scripts/checkpatch.pl" --root="$source" --strict --terse --no-summary \
		"$dir"/*.patch 2>/dev/null)" "" "$package: checkpatch --strict has nothing to say"

	is "$(for file in $(cd "$tree" && grep -rlE 'sys_cpu_opv$|sys_cpu_opv\)$|sys_cpu_opv	' .); do
		taken "$tree/$file"
	done | sort -u | wc -l)" 1 "$package: the call has the same number in all tables"
	for arch in x86/entry/syscalls/syscall_64 x86/entry/syscalls/syscall_32 arm/tools/syscall \
		powerpc/kernel/syscalls/syscall s390/kernel/syscalls/syscall; do
		[ -n "$(taken "$tree/arch/$arch.tbl")" ] || echo "$arch"
	done >"$tmp/without"
	grep -rlE '__SYSCALL\(__NR_cpu_opv|	cpu_opv	' "$tree/include/uapi/asm-generic" \
		"$tree"/arch/arm64/include/asm/unistd32.h "$tree"/arch/arm64/tools 2>/dev/null | wc -l >"$tmp/others"
	is "$(cat "$tmp/without" "$tmp/others" | tr -d ' ')" 2 \
		"$package: it is in the tables of x86, arm, arm64, powerpc, s390, and the common one"
	is "$(grep -rnE 'OPV_OPS|\bHAVE_|core/|uint[0-9]+_t|docs/|/dev/cpu_opv' "$tree/kernel/cpu_opv" \
		"$tree/include/uapi/linux/cpu_opv.h")" "" "$package: nothing in it is said of a library or module"
	is "$(cat "$dir"/*.patch | grep -E '\*\*\*|@[a-z]+@')" "" "$package: and no blank was left to fill in"
	is "$(grep -oE 'case CPU_[A-Z_]*_OP:' "$tree/kernel/cpu_opv/check.h" | sort -u | wc -l)" \
		"$(grep -c '^	X(' "$OPV_SRC/include/opv/uapi/ops.h")" "$package: every operation has a shape"

	! "$make_patch" -n 334 "$source" "$dir.taken" 2>/dev/null
	ok $? "$package: a number that something else has is refused"
	"$make_patch" -n 490 "$source" "$dir.other" 2>/dev/null
	ok "$(grep -q '^+490	common	cpu_opv' "$dir.other"/0002-*.patch; echo $?)" "$package: another number is taken"

	if python3 -c 'import docutils' 2>/dev/null; then
		is "$(python3 - "$tree/Documentation/userspace-api/cpu_opv.rst" 2>&1 <<'END'
import sys
import docutils.core
docutils.core.publish_string(open(sys.argv[1]).read(), writer_name='null',
                             settings_overrides={'report_level': 1})
END
		)" "" "$package: docutils has nothing to say about the documentation"
	else
		skip "$package: docutils has nothing to say about the documentation" "python3 has no docutils"
	fi
}

for tool in git perl patch; do
	command -v $tool >/dev/null 2>&1 || { skip "the patch series" "there is no $tool"; done_testing; }
done
for package in $(sed '/^#/d' "$OPV_SRC/tests/guest/kernels" | awk '$3 ~ /source/ { print $3 }' | sort -u); do
	if [ -e "$cache/source/$package/pristine/Makefile" ]; then
		check "$package"
	else
		skip "the patch series for $package" "its source is not in the cache: make check-guest-debug"
	fi
done
done_testing
