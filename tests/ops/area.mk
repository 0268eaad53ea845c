# SPDX-License-Identifier: MIT
# Every call as a symbol: one of them brings in the object that has them all.
cflags-ops/symbols := -Wl,-u,opv_add8 -rdynamic
cflags-ops/symbols_cid := $(cflags-ops/symbols)
