// SPDX-License-Identifier: MIT
#include "opv.h"

int opv_bench_main(int argc, char **argv)
{
	(void)argc;
	die(argv[0], "being written");
}
