# SPDX-License-Identifier: GPL-2.0
# Part of make-patch.sh: the module's source as the kernel's own.

# What the probes would find out, from the tree.
look_for_features()
{
	known="-D__KERNEL__ -UOPV_BREAK_ABORT -UOPV_BREAK_WORDS -UOPV_BREAK_SPACE -UOPV_NO_RSEQ"
	for probe in "$src"/kernel/probe/*.c; do
		name=$(basename "$probe" .c)
		if grep -rqiw "$name" "$tree/include/linux"; then
			known="$known -DHAVE_$name"
		else
			known="$known -UHAVE_$name"
		fi
	done
	if grep -rqw "define cpu_dcache_is_aliasing" "$tree/include/linux"; then
		known="$known -Dcpu_dcache_is_aliasing"
	else
		known="$known -Ucpu_dcache_is_aliasing"
	fi
	# A tool that kernels bring along.
	${CC:-cc} -w -o "$tmp/unifdef" "$tree/scripts/unifdef.c" || fail "scripts/unifdef.c does not compile"
}

# Only the branches of that kernel.  Without sequences there is no call.
decide()
{
	# shellcheck disable=SC2086 # a list of words
	sed 's/!IS_ENABLED(CONFIG_RSEQ)/defined(OPV_NO_RSEQ)/' | "$tmp/unifdef" $known |
		sed 's/^# *\([a-z]\)/#\1/'
}

# Switches that are made from the list of operations, written out: what does the same
# shares its case, and what is no arithmetic has no effect.  The assertions that the
# list and the enum agree go: here the enum is the list.
write_out()
{
	awk -v list="$src/include/opv/uapi/ops.h" '
	function trim(s) { sub(/\\$/, "", s); gsub(/^[ \t]+|[ \t]+$/, "", s); return s }
	function read_list(  line, i, n) {
		ops = 0
		while ((getline line <list) > 0) {
			if (line !~ /^\tX\(/)
				continue
			line = substr(trim(line), 3)
			sub(/\)$/, "", line)
			for (i = 1; i <= 4; i++) {
				n = index(line, ",")
				col[ops, i] = trim(substr(line, 1, n - 1))
				line = substr(line, n + 1)
			}
			line = trim(line)
			gsub(/&/, "\\\\&", line)
			col[ops++, 5] = line
		}
	}
	function body_of(k,  s) {
		s = body
		sub(/##shape/, col[k, 3], s)
		sub(/effect/, col[k, 5], s)
		return s
	}
	function put(  k, m, done) {
		for (k = 0; k < ops; k++) {
			if (done[k] || (body ~ /effect/ && col[k, 3] ~ /COMPARE|COPY|NONE/))
				continue
			for (m = k; m < ops; m++) {
				if (body_of(m) == body_of(k)) {
					done[m] = 1
					print "\tcase CPU_" col[m, 1] "_OP:"
				}
			}
			print "\t\t" body_of(k)
		}
	}
	BEGIN { read_list(); if (ops < 10) exit 1 }
	/^#define X\(/ { inside = 1; body = ""; next }
	/^#undef X/ { inside = 0; next }
	inside && /OPV_OPS\(X\)/ { if (body != "") put(); next }
	inside && /_Static_assert|case number:/ { next }
	inside { body = trim($0); next }
	{ print }'
}

# Without function $1, or what is not used in a kernel.
without()
{
	awk -v name="$1" '
		/^static/ && index($0, name "(") { off = 1 }
		!off { print }
		/^}/ { off = 0 }' | cat -s
}

types()
{
	sed "s/\\buint\\([0-9]*\\)_t\\b/$1u\\1/g; s/\\bint\\([0-9]*\\)_t\\b/$1s\\1/g"
}

# put_source FILE NAME: as kernel/cpu_opv/NAME.
put_source()
{
	write_out <"$src/$1" | decide | without opv_run | types '' | sed '
		/^#include <opv\/uapi\/ops.h>/d
		/const int equal = 0;/,/(void)equal;/d
		s,^#include <opv/uapi/,#include <uapi/linux/,
		s,^#include "\.\./core/port/kernel\.h",#include "port.h",
		s,^#include "\.\./core/,#include ",
		s/_Static_assert/static_assert/
		s/_OPV_PORT_KERNEL_H/_KERNEL_CPU_OPV_PORT_H/
		s/_OPV_\(CORE\|KERNEL\)_\([A-Z]*\)_H/_KERNEL_CPU_OPV_\2_H/
		s, (the list is in user\.h),,
		s,core/ needs,run.h needs,
		s,core/port/<where>\.h,port.h,
		s,core/\([a-z]*\.h\),\1,
		s,docs/kernel\.md,Documentation/userspace-api/cpu_opv.rst,
		s,The interpreter: runs a vector that,The interpreter: runs operations of a vector that,
		s,  Answers 0\, or i + 1 when compare i stopped it\.,,' >"$repo/kernel/cpu_opv/$2"
	grep -n 'core/\|opv/\|kernel\.md\|\bHAVE_\|OPV_OPS\|module' "$repo/kernel/cpu_opv/$2" |
		grep -v cpu_opv/ >&2 && fail "$1 says what is not so in a kernel"
	[ -s "$repo/kernel/cpu_opv/$2" ] || fail "nothing became of $1"
}

put_uapi()
{
	decide <"$src/include/opv/uapi/cpu_opv.h" | types __ | sed '
		s/_OPV_UAPI_CPU_OPV_H/_UAPI_LINUX_CPU_OPV_H/
		s/: (GPL-2.0 WITH Linux-syscall-note) OR MIT/: ((GPL-2.0 WITH Linux-syscall-note) OR MIT)/' \
		>"$repo/include/uapi/linux/cpu_opv.h"
}
