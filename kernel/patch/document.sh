# SPDX-License-Identifier: GPL-2.0
document() { cat "$src/docs/kernel.md"; }
