#!/bin/sh
# SPDX-License-Identifier: MIT
# The tests of the local engine can fail: each of these pieces of its protocol is taken
# out of the source of a library, and the test named goes red.
set -u
. "$(dirname "$0")/../tap.sh"

# compile FOLDER SOURCE...: sources below FOLDER/src into objects in FOLDER/build.
compile() {
	folder=$1
	shift
	for c; do
		o=$folder/build/$(echo "${c#"$folder/src/"}" | tr / _).o
		$CC -std=gnu11 -O2 -w -fPIC -I"$folder/include" -DOPV_VERSION='"0"' -c -o "$o" "$c" || return
	done
}

# sources FOLDER: a copy of what libraries are made of.
sources() {
	mkdir -p "$1/build/tests/local" && cp -R "$OPV_SRC/src" "$OPV_SRC/include" "$OPV_SRC/core" "$1"
}

# build NAME TEST FILE: a library from the sources in $tmp/NAME, of which FILE is not as
# it was, and the test with it.  What does not depend on FILE is there already.
build() {
	case $3 in
	*.c) cp "$tmp/whole/build"/*.o "$tmp/$1/build" && compile "$tmp/$1" "$tmp/$1/$3" ;;
	*) compile "$tmp/$1" "$tmp/$1"/src/*.c "$tmp/$1"/src/engine/*.c ;;
	esac || return
	ar rcs "$tmp/$1/build/libopv.a" "$tmp/$1/build"/*.o || return
	$CC -std=gnu11 -O2 -I"$tmp/$1/include" -I"$OPV_SRC/tests" -o "$tmp/$1/build/tests/local/$2.t" \
		"$OPV_SRC/tests/local/$2.c" "$tmp/$1/build/libopv.a" -pthread
}

# red NAME TEST FILE SED-PROGRAM WHAT [TEXTS]
red() {
	sources "$tmp/$1" && sed "$4" "$OPV_SRC/$3" >"$tmp/$1/$3" &&
		! cmp -s "$OPV_SRC/$3" "$tmp/$1/$3" && build "$1" "$2" "$3"
	ok $? "the library builds when $5"
	timeout 100 "$tmp/$1/build/tests/local/$2.t" --first ${6-} >"$tmp/out" 2>&1
	status=$?
	if grep -q SKIP "$tmp/out" && [ $status = 0 ]; then
		skip "$2 goes red when $5" "$(sed -n 's/.*SKIP //p' "$tmp/out" | head -n 1)"
		return
	fi
	diag "exit status $status: $(grep '^not ok' "$tmp/out" | head -n 1)"
	[ $status -ge 128 ] || grep -q '^not ok' "$tmp/out"
	ok $? "$2 goes red when $5"
}

sources "$tmp/whole" && compile "$tmp/whole" "$tmp/whole"/src/*.c "$tmp/whole"/src/engine/*.c
ok $? "the library builds as it is"
red key step src/arch/x86_64.h '/"cmpq %\[pending\], (%\[slot\])/ { N; d; }' \
	"a log is applied without a look at the key"
red reads step src/arch/x86_64.h 's/"jmp %l\[changed\]\\n"/"jmp 6b\\n"/' \
	"a log is published without confirming what was read"
red apply step src/engine/local.c 's/if (!apply(l, index))/if (1)/' \
	"an owner takes what it published for applied"
red finish step src/engine/fence.c 's/opv_log_apply(&log->writes, d->log_base);//' \
	"the fence engine forgets what is pending"
red write kill src/engine/fence.c 's/v->d->shared ? run_logged(v) : //' \
	"the fence engine writes no log in shared memory" overlap
red stretch kill src/engine/fence.c 's/opv_stretches_go_on(d, cpu, index);//' \
	"whoever finds a vector with barriers half done does not go on" barrier
red turn kill src/stretch.c 's/2 \* OPV_LOG_STRETCH + 1 - index/index/' \
	"its next stretch is computed into the log that the key names" barrier
red leave kill src/engine/local.c 's/ || index > OPV_LOG_WHOLE//' \
	"a section copies one stretch out and opens the key" barrier
red barrier barrier src/compute.c '/A barrier between/ { n; d; }' \
	"a log has both sides of a barrier"
red busy kill src/log.c 's/opv_log_at(d, at)->writes\.busy = 0;//' \
	"the log of a dead owner stays busy"
done_testing
