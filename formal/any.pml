/* SPDX-License-Identifier: MIT */
/* sizes from the command line */
#include "protocol.pml"
#include "threads.pml"
