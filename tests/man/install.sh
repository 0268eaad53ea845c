#!/bin/sh
# SPDX-License-Identifier: MIT
# make install puts there what the tree has, and make uninstall takes it away again.
. "$(dirname "$0")/../tap.sh"
cd "$OPV_SRC" || exit 1
set -u

root=$tmp/root
run_make() {
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make O="$OPV_BUILD" DESTDIR="$root" prefix=/opt/opv \
		libdir=/opt/opv/lib64 mandir=/opt/man "$@" >"$tmp/make" 2>&1
	status=$?
	[ $status = 0 ] || diag "$(tail -n 20 "$tmp/make")"
	return $status
}
files() { find "$1" ! -type d | sort; }

run_make install
ok $? "make install works with folders of one's own"
is "$(cd "$root/opt/opv/include" && files opv)" "$(cd include && find opv -type f ! -name README.md | sort)" \
	"the headers are the include tree as it lies"
is "$(cd "$root/opt/man" && files .)" "$(cd "$OPV_BUILD/man" && files . | grep /man)" \
	"the pages are those that were made, links and all"
is "$(cd "$root/opt/opv/lib64" && readlink libopv.so; readlink -f libopv.so)" "libopv.so.0
$root/opt/opv/lib64/libopv.so.$(cat VERSION)" "the links of the shared library lead to this version"
soname=$(readelf -d "$root/opt/opv/lib64/libopv.so" | sed -n 's/.*soname: \[\(.*\)\]/\1/p')
ok "$([ -n "$soname" ] && [ -e "$root/opt/opv/lib64/$soname" ]; echo $?)" "the soname is there"
is "$("$root/opt/opv/bin/opv" --version)" "opv $(cat VERSION)" "the installed command runs"
is "$(find "$root" ! -type l -perm /022)" "" "others cannot write to what is installed"

if command -v pkg-config >/dev/null; then
	PKG_CONFIG_LIBDIR=$root/opt/opv/lib64/pkgconfig
	export PKG_CONFIG_LIBDIR
	pc() { pkg-config --define-variable=prefix="$root/opt/opv" "$@" libopv; }
	is "$(pc --modversion)" "$(cat VERSION)" "pkg-config says the version"
	is "$(pc --variable=compatdir)" "$root/opt/opv/include/opv/compat" \
		"pkg-config says where the names of 2018 are, also of a tree that was moved"
	like "$(pc --static --libs)" "-pthread" "pkg-config says what static linking needs"
	printf '#include <opv/opv.h>\nint main(void) { return opv_cpu() < 0; }\n' >"$tmp/prog.c"
	cp "$tmp/prog.c" "$tmp/prog.cc"
	# shellcheck disable=SC2046
	$CC -Wall -Wextra -Werror -o "$tmp/prog" "$tmp/prog.c" $(pc --cflags --libs) &&
		LD_LIBRARY_PATH=$root/opt/opv/lib64 "$tmp/prog"
	ok $? "a program builds against the installed tree and runs, shared"
	$CC -Wall -Wextra -Werror -static -o "$tmp/prog" "$tmp/prog.c" $(pc --static --cflags --libs) &&
		"$tmp/prog"
	ok $? "and static"
	if command -v g++ >/dev/null; then
		g++ -Wall -Wextra -Werror -o "$tmp/prog" "$tmp/prog.cc" $(pc --cflags --libs) &&
			LD_LIBRARY_PATH=$root/opt/opv/lib64 "$tmp/prog"
		ok $? "and in C++"
	else
		skip "and in C++" "there is no g++"
	fi
else
	skip "programs build against the installed tree" "there is no pkg-config"
fi
if command -v man >/dev/null; then
	like "$(man -M "$root/opt/man" opv_smin16_release_at 2>&1)" "opv_smin16_release_at" \
		"man finds the page of a name that has none of its own"
else
	skip "man finds the page of a name that has none of its own" "there is no man"
fi

echo mine >"$root/opt/opv/include/opv/mine.h"
run_make uninstall
ok $? "make uninstall works"
is "$(files "$root")" "$root/opt/opv/include/opv/mine.h" "it takes away what was installed, and nothing else"

done_testing
