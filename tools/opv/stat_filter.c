// SPDX-License-Identifier: MIT
/* The functions that can be watched, and choosing among them. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "stat.h"

const struct stat_function_info stat_functions[STAT_NR_FUNCTIONS] = {
#define STAT_FUNCTION(name, group, bytes) { #name, #group, bytes },
#include "../../preload/functions.def"
};

static uint64_t matches(const char *pattern)
{
	uint64_t mask = 0;
	int i;

	for (i = 0; i < STAT_NR_FUNCTIONS; i++)
		if (!fnmatch(pattern, stat_functions[i].name, 0) ||
		    !strcmp(pattern, stat_functions[i].group))
			mask |= UINT64_C(1) << i;
	return mask;
}

uint64_t stat_filter(const char *list)
{
	uint64_t all = UINT64_MAX >> (64 - STAT_NR_FUNCTIONS), mask = 0;
	char *copy = strdup(list), *rest = copy, *word;
	bool first = true;

	if (!copy)
		die("stat", "no memory");
	while ((word = strsep(&rest, ","))) {
		bool not = *word == '!';
		uint64_t found = matches(word + not);

		if (!found)
			usage_error("stat", "--filter: no function or group is called \"%s\"; see --list",
				    word + not);
		/* "!read" alone is all but read. */
		if (first && not)
			mask = all;
		mask = not ? mask & ~found : mask | found;
		first = false;
	}
	free(copy);
	if (!mask)
		usage_error("stat", "--filter %s leaves nothing to watch", list);
	return mask;
}

static void list_json(FILE *f)
{
	struct json j;
	int i;

	json_begin(&j, f);
	json_array(&j, NULL);
	for (i = 0; i < STAT_NR_FUNCTIONS; i++) {
		json_object(&j, NULL);
		json_string(&j, "name", stat_functions[i].name);
		json_string(&j, "group", stat_functions[i].group);
		json_string(&j, "bytes", stat_functions[i].bytes);
		json_end_object(&j);
	}
	json_end_array(&j);
	json_finish(&j);
}

void stat_list(FILE *f, bool json)
{
	int i;

	if (json) {
		list_json(f);
		return;
	}
	fprintf(f, "%-24s %-6s %s\n", "function", "group", "bytes");
	for (i = 0; i < STAT_NR_FUNCTIONS; i++)
		fprintf(f, "%-24s %-6s %s\n", stat_functions[i].name, stat_functions[i].group,
			stat_functions[i].bytes ? stat_functions[i].bytes : "-");
}
