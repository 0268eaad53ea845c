#!/bin/sh
# SPDX-License-Identifier: MIT
# Sources as DKMS has them build alone, by the line that it would run, and what comes out works.
. "$(dirname "$0")/common"

# conf BUILD NAME: what dkms.conf says, which DKMS reads with these set.
conf() {
	kernelver=$(cat "$cache/kernels/$kernel/release") kernel_source_dir=$1 \
		bash -c '. "$0"; eval "printf %s \"\${$1[0]}\""' "$tmp/tree/dkms.conf" "$2"
}

kernel=6.1 what="sources for DKMS build alone"
if have $kernel "$what"; then
	headers=$("$harness/headers" $kernel 2>"$tmp/err")
	build=$(readlink "$headers/build")
	if [ -d "$headers/root" ]; then
		skip "$what" "this is not the suite of $kernel"
	else
		"$OPV_SRC/kernel/tree.sh" "$tmp/tree"
		ok $? "there is a tree"
		is "$(conf "$build" PACKAGE_NAME) $(conf "$build" PACKAGE_VERSION)" "cpu-opv $(cat "$OPV_SRC/VERSION")" \
			"its name and version"
		(cd "$tmp/tree" && PATH=$PATH:/usr/sbin:/sbin sh -c "$(conf "$build" MAKE)") >"$tmp/out" 2>&1 </dev/null
		ok $? "$what" || diag "$(tail -n 20 "$tmp/out")"
		is "$(grep '\.[ch]:.*warning:' "$tmp/out")" "" "without a warning of the source"
		ko=$tmp/tree/$(conf "$build" BUILT_MODULE_LOCATION)/$(conf "$build" BUILT_MODULE_NAME).ko
		guest_ok "and the module works" -c 2 -i "$ko" -f cases $kernel ./cases
	fi
fi
done_testing
