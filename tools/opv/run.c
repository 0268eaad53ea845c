// SPDX-License-Identifier: MIT
#include "opv.h"

int opv_run_main(int argc, char **argv)
{
	(void)argc;
	die(argv[0], "being written");
}
