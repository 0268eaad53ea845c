// SPDX-License-Identifier: MIT
/* opv probe: what this machine offers, what is used of it, and why not more. */
#include "probe.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define VERB "probe"

static void help(void)
{
	puts("usage: opv probe [OPTION...]\n"
	     "Tell what kernel, C library and policy offer, which roads calls and vectors take,\n"
	     "and why not faster ones; try them; advise.\n"
	     "\n"
	     "      --json             print it as JSON\n"
	     "  -h, --help             this\n"
	     "\n"
	     "Exit status: 0 everything works, though perhaps slowly, 1 something does not, 2 misuse.");
}

static const struct option long_options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static bool parse_options(int argc, char **argv)
{
	bool json = false;
	int c;

	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (c) {
		case 'j':
			json = true;
			break;
		case 'h':
			help();
			exit(0);
		default:
			usage_error(VERB, "see its options");
		}
	}
	if (optind < argc)
		usage_error(VERB, "\"%s\" is one argument too many", argv[optind]);
	return json;
}

int opv_probe_main(int argc, char **argv)
{
	char advice[PROBE_ADVICE_MAX][PROBE_TEXT];
	bool json = parse_options(argc, argv);
	struct probe_tries tries;
	struct probe_look look;
	int nr;

	probe_look(&look);
	probe_tries(&tries, &look);
	nr = probe_advise(&look, &tries, advice);
	probe_report(json, &look, &tries, advice, nr);
	if (fflush(stdout) || ferror(stdout))
		die(VERB, "cannot write: %s", strerror(errno));
	return tries.good ? 0 : 1;
}
