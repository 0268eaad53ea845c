#!/bin/sh
# SPDX-License-Identifier: MIT
# Programs as they were written in 2018 compile unchanged, without warnings, against
# the installed tree, and work: in C and C++, static and shared, gcc and clang.
. "$(dirname "$0")/../tap.sh"
cd "$OPV_SRC" || exit 1
set -u

programs=$OPV_SRC/tests/compat/programs
root=$tmp/root
env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make O="$OPV_BUILD" DESTDIR= prefix="$root" install-lib \
	>"$tmp/make" 2>&1
ok $? "the library installs into a folder of its own" || diag "$(cat "$tmp/make")"

PKG_CONFIG_LIBDIR=$root/lib/pkgconfig
export PKG_CONFIG_LIBDIR
if ! command -v pkg-config >/dev/null; then
	skip "programs of 2018" "there is no pkg-config"
	done_testing
fi
cflags="-O2 -Wall -Wextra -Werror -I$(pkg-config --variable=compatdir libopv) \
	$(pkg-config --cflags libopv)"
shared="$(pkg-config --libs libopv) -pthread -Wl,-rpath,$root/lib"
static="-Wl,-Bstatic $(pkg-config --static --libs libopv) -Wl,-Bdynamic"
is "$(pkg-config --modversion libopv)" "$(cat VERSION)" "pkg-config says the version"

# try NAME COMPILER LIBS HOW: compile, run, and look at its exit status.
try() {
	$2 $cflags -o "$tmp/prog" "$programs/$1.c" -x none $3 2>"$tmp/errors"
	compiled=$?
	ok $compiled "$1.c compiles without warnings, $4"
	if [ $compiled != 0 ]; then
		diag "$(head -n 5 "$tmp/errors")"
		return
	fi
	timeout 60 "$tmp/prog" >"$tmp/out" 2>&1
	status=$?
	ok $status "$1.c works, $4"
	[ $status = 0 ] || diag "status $status: $(grep -v ^PASS "$tmp/out")"
}

for how in shared static; do
	eval "libs=\$$how"
	for cc in gcc clang; do
		if ! command -v $cc >/dev/null; then
			skip "programs of 2018, $how, $cc" "there is no $cc"
			continue
		fi
		for name in basic counter list buffer sections uapi; do
			try $name "$cc -std=gnu11 -x c" "$libs" "C, $how, $cc"
		done
	done
	for cc in g++ clang++; do
		if ! command -v $cc >/dev/null; then
			skip "programs of 2018, $how, $cc" "there is no $cc"
			continue
		fi
		# basic has designated initializers of nested members, which C++ has not.
		for name in counter list buffer sections uapi; do
			try $name "$cc -x c++" "$libs" "C++, $how, $cc"
		done
	done
done

# The 29 cases one by one, on each road.
ok "$(gcc $cflags -o "$tmp/basic" "$programs/basic.c" $shared 2>&1; echo $?)" "the 29 cases compile"
for force in '' fence:100; do
	OPV_FORCE=$force "$tmp/basic" >"$tmp/out"
	while read -r verdict what; do
		case $verdict in
		PASS) ok 0 "case of 2018: $what${force:+, OPV_FORCE=$force}" ;;
		SKIP) skip "case of 2018: ${what%%:*}" "${what#*: }" ;;
		*) ok 1 "case of 2018: $what${force:+, OPV_FORCE=$force}" ;;
		esac
	done <"$tmp/out"
	is "$(wc -l <"$tmp/out")" 29 "there are 29 cases${force:+, OPV_FORCE=$force}"
done

# Without rseq, and with every second call forced out of its section.
for setting in GLIBC_TUNABLES=glibc.pthread.rseq=0 OPV_FORCE=fence:50 OPV_COUNT_FAST=1; do
	for name in counter list buffer sections; do
		gcc -std=gnu11 $cflags -o "$tmp/prog" "$programs/$name.c" $shared &&
			env $setting timeout 60 "$tmp/prog" >"$tmp/out" 2>&1
		status=$?
		ok $status "$name.c works with $setting"
		[ $status = 0 ] || diag "$(cat "$tmp/out")"
	done
done

done_testing
