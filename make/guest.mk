# SPDX-License-Identifier: MIT
#
# make guest-kernels		fetch the kernels that tests boot, with what modules are built with
# make check-guest		the tests in guests only
# make check-guest-debug	the same with debugging kernels too, all that there is for them:
#				builds what is missing, some 7 and 17 minutes

.PHONY: guest-kernels check-guest check-guest-debug
guest-kernels:
	$(Q)OPV_SRC=$(CURDIR) tests/guest/prepare

check-guest: all tests guest-kernels
	$(Q)$(MAKE) -s check TESTS="$(guest-tests)"

check-guest-debug: all tests
	$(Q)OPV_SRC=$(CURDIR) tests/guest/prepare --all
	$(Q)OPV_GUEST_WHOLE=1 TEST_TIMEOUT=3600 $(MAKE) -s check TESTS="$(guest-tests)"
