#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# make-patch.sh [-n NUMBER] TREE DIR: cpu_opv() as a system call of the kernel whose source
# is in TREE, which stays as it is: a patch series in DIR, made from what the module is made
# from.  patch/ has what the module does not have.
#
#	git am DIR/000[1-9]-*.patch
#
# NUMBER: of the call; the first free one, from 463 on, if it is not said.
set -u

fail()
{
	echo "make-patch.sh: $*" >&2
	exit 1
}

number=
while getopts n: option; do
	case $option in
	n) number=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# = 2 ] || fail "which source, and where to?"
src=$(cd "$(dirname "$0")/.." && pwd) || exit 1
tree=$(cd "$1" && pwd) || exit 1
mkdir -p "$2" && dir=$(cd "$2" && pwd) || exit 1
[ -e "$tree/include/uapi/linux/rseq.h" ] || fail "$tree is no source of a kernel that has rseq"
command -v git >/dev/null 2>&1 || fail "there is no git"
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
repo=$tmp/repo
LC_ALL=C
export LC_ALL

. "$src/kernel/patch/source.sh"
. "$src/kernel/patch/edit.sh"
. "$src/kernel/patch/document.sh"

# Whose patches they are: of whoever makes them.
who()
{
	me=$(git -C "$src" config user.name) && mail=$(git -C "$src" config user.email) ||
		{ me=cpu-opv mail=cpu-opv@localhost.localdomain; }
	when=${SOURCE_DATE_EPOCH:-$(git -C "$src" log -1 --format=%ct 2>/dev/null || date +%s)}
	GIT_AUTHOR_NAME=$me GIT_AUTHOR_EMAIL=$mail GIT_AUTHOR_DATE="$when +0000"
	GIT_COMMITTER_NAME=$me GIT_COMMITTER_EMAIL=$mail GIT_COMMITTER_DATE="$when +0000"
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
	export GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_AUTHOR_DATE GIT_COMMITTER_NAME \
		GIT_COMMITTER_EMAIL GIT_COMMITTER_DATE GIT_CONFIG_GLOBAL GIT_CONFIG_NOSYSTEM
}

in_repo()
{
	git -C "$repo" "$@" || fail "git $1"
}

# The files that are changed, as they are.
begin()
{
	mkdir -p "$repo/kernel/cpu_opv" || exit 1
	(cd "$tree" && cp --parents -L $(tables) "$@" "$repo/") || fail "not all files are there"
	in_repo init -q
	in_repo add .
	in_repo commit -q -m "the kernel"
}

# commit MESSAGE: what has changed since, with the text in patch/MESSAGE.in.
commit()
{
	sed "s/@nr@/$nr/g" "$src/kernel/patch/$1.in" >"$tmp/message" || exit 1
	in_repo add .
	in_repo commit -q -s -F "$tmp/message"
}

the_call()
{
	put_uapi
	for file in call.c call.h exec.c page.c pin.c span.c vector.c walk.c words.c abort.h alias.h copy.h space.h; do
		put_source kernel/$file $file
	done
	put_source core/check.h check.h
	put_source core/run.h run.h
	put_source core/port/kernel.h port.h
	cp "$src/kernel/patch/syscall.c" "$repo/kernel/cpu_opv/" &&
		cp "$src/kernel/patch/Kbuild" "$repo/kernel/cpu_opv/Makefile" || exit 1

	printf 'obj-$(CONFIG_CPU_OPV) += cpu_opv/\n' >"$tmp/text"
	after kernel/Makefile '^obj-.*CONFIG_RSEQ.* rseq.o' "$tmp/text"
	next=$(sed -n '/^config RSEQ$/,$p' "$tree/init/Kconfig" | sed -n '2,/^config/s/^config/&/p')
	before init/Kconfig "^$next\$" "$src/kernel/patch/Kconfig"
	printf '/* vectors of operations as if by one CPU */\nCOND_SYSCALL(cpu_opv);\n\n' >"$tmp/text"
	before kernel/sys_ni.c '^/\* restartable sequence \*/' "$tmp/text"
	printf 'struct cpu_op;\n' >"$tmp/text"
	after include/linux/syscalls.h '^struct rseq;' "$tmp/text"
	printf 'asmlinkage long sys_cpu_opv(struct cpu_op __user *vec, int count, int cpu,\n\t\t\t    int flags);\n' \
		>"$tmp/text"
	before include/linux/syscalls.h '^asmlinkage long sys_rseq\(' "$tmp/text"

	sed "s/@who@/$me <$mail>/" "$src/kernel/patch/maintainers.in" >"$tmp/text"
	awk -v text="$tmp/text" '
		/^3C59X/ { list = 1 }
		list && /^[A-Z0-9]/ && !/^[A-Z]:\t/ { if (cpu && !/^CPU/) { while ((getline line <text) > 0) print line; list = 0 }
			cpu = /^CPU/ }
		{ print }' "$repo/MAINTAINERS" >"$tmp/edited" && cat "$tmp/edited" >"$repo/MAINTAINERS" || exit 1
	commit call
}

architectures()
{
	wire arch/x86/entry/syscalls/syscall_32.tbl
	wire arch/x86/entry/syscalls/syscall_64.tbl
	commit x86
	[ ! -e "$tree/scripts/syscall.tbl" ] || wire scripts/syscall.tbl
	wire_list include/uapi/asm-generic/unistd.h include/uapi/asm-generic/unistd.h
	commit generic
	wire arch/arm/tools/syscall.tbl
	if [ -e "$tree/arch/arm64/tools/syscall_32.tbl" ]; then
		wire arch/arm64/tools/syscall_32.tbl
	else
		wire_list arch/arm64/include/asm/unistd32.h arch/arm64/include/asm/unistd.h
	fi
	commit arm
	wire arch/powerpc/kernel/syscalls/syscall.tbl
	commit powerpc
	wire arch/s390/kernel/syscalls/syscall.tbl
	commit s390
}

selftests()
{
	mkdir -p "$repo/tools/testing/selftests/cpu_opv" &&
		cp "$src"/kernel/patch/selftests/* "$repo/tools/testing/selftests/cpu_opv/" || exit 1
	printf '/abort_test\n/basic_test\n' >"$repo/tools/testing/selftests/cpu_opv/.gitignore"
	printf 'TARGETS += cpu_opv\n' >"$tmp/text"
	after tools/testing/selftests/Makefile '^TARGETS \+= cpu-hotplug' "$tmp/text"
	printf 'F:\ttools/testing/selftests/cpu_opv/\n' >"$tmp/text"
	after MAINTAINERS '^F:.kernel/cpu_opv/' "$tmp/text"
	commit selftests
}

documentation()
{
	document >"$repo/Documentation/userspace-api/cpu_opv.rst" || exit 1
	printf '   cpu_opv\n' >"$tmp/text"
	after Documentation/userspace-api/index.rst '^   futex2$' "$tmp/text"
	printf 'F:\tDocumentation/userspace-api/cpu_opv.rst\n' >"$tmp/text"
	before MAINTAINERS '^F:.include/uapi/linux/cpu_opv.h' "$tmp/text"
	commit documentation
}

# git leaves two lines in the letter for us to write.
letter()
{
	sed "s/@nr@/$nr/g" "$src/kernel/patch/cover.in" >"$tmp/cover" || exit 1
	awk -v cover="$tmp/cover" '
		sub(/\*\*\* SUBJECT HERE \*\*\*/, "") {
			getline subject <cover
			getline blank <cover
			print $0 subject
			next
		}
		/^\*\*\* BLURB HERE \*\*\*$/ { while ((getline line <cover) > 0) print line; next }
		{ print }' "$dir/0000-cover-letter.patch" >"$tmp/letter" &&
		cat "$tmp/letter" >"$dir/0000-cover-letter.patch" || exit 1
}

who
nr=${number:-$(free_number)}
compat=
[ -e "$tree/arch/arm64/tools/syscall_32.tbl" ] ||
	compat="arch/arm64/include/asm/unistd.h arch/arm64/include/asm/unistd32.h"
# shellcheck disable=SC2086 # a list of words
begin $compat include/uapi/asm-generic/unistd.h include/uapi/linux/rseq.h include/linux/syscalls.h \
	init/Kconfig kernel/Makefile kernel/sys_ni.c MAINTAINERS tools/testing/selftests/Makefile \
	Documentation/userspace-api/index.rst
look_for_features
the_call
architectures
selftests
documentation
rm -f "$dir"/[0-9]*.patch
in_repo format-patch -q --cover-letter --no-signature -o "$dir" HEAD~8
letter
