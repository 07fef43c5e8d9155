/* SPDX-License-Identifier: MIT */
#include "bench/options.h"

#include "bench/host.h"
#include "bench/serve.h"

#include <stdlib.h>
#include <string.h>

struct fact {
	char *key, *value;
};

static struct fact facts[64];
static size_t nfacts;

void bench_fact(const char *key, const char *value)
{
	if (nfacts < sizeof facts / sizeof *facts)
		facts[nfacts++] = (struct fact){strdup(key), strdup(value)};
}

bool bench_is_full(void)
{
	const char *s = getenv("BENCH");

	return s && strcmp(s, "full") == 0;
}

int bench_procs(void)
{
	const char *s = getenv("BENCH_PROCS");
	int n = s ? atoi(s) : 0;

	return n > 0 ? n : host_cpus();
}

static void help(void)
{
	puts("Flags of this program, beside google-benchmark's own (--help):\n"
		 "  --bench_row=NAME    run this row only; may be repeated\n"
		 "  --bench_ops=N       N operations, once, instead of as many as fill the time\n"
		 "  --bench_full        also the rows that only a full run has (or BENCH=full)\n"
		 "  --bench_out=FILE    one JSON object a row, appended as rows end\n"
		 "  --bench_list        the rows that would run, one JSON object each\n"
		 "  --bench_serve       the one row that --bench_row names does as many operations as each line of\n"
		 "                      standard input says, and answers each with a line of JSON\n"
		 "  --bench_slower=F    with it: does F times as many and hides it (to calibrate the gate)\n"
		 "  --bench_facts       how this program was built, as JSON\n"
		 "Environment: BENCH=full; BENCH_PROCS=N: P's of the rows that leave the number open (names\n"
		 "with _pn, and the pool of threads), the allowed CPUs if it is not set; rows that need more\n"
		 "than N are skipped, rows with _pn are there from three on.\n"
		 "Exit status: 0, also with skipped rows; 1 when a row failed; 2 for a wrong argument.");
}

static void write_facts(void)
{
	struct json j = {.to = stdout};

	json_open(&j, NULL, '{');
	json_text(&j, "compiler", BENCH_COMPILER);
	json_text(&j, "flags", BENCH_FLAGS);
	json_text(&j, "build_type", BENCH_BUILD_TYPE);
	json_text(&j, "gbench_version", BENCH_GBENCH_VERSION);
	json_text(&j, "time_semantics", "ns/op: time of one thread over its operations");
	json_int(&j, "cpus_allowed", host_cpus());
	json_int(&j, "cores_allowed", host_cores());
	for (size_t i = 0; i < nfacts; i++) {
		if (facts[i].key && facts[i].value)
			json_text(&j, facts[i].key, facts[i].value);
	}
	json_close(&j, '}');
	json_end(&j);
}

static void list(const struct catalogue *c)
{
	for (size_t i = 0; i < c->n; i++) {
		struct json j = {.to = stdout};

		json_open(&j, NULL, '{');
		instance_write(c->at[i], &j);
		json_close(&j, '}');
		json_end(&j);
	}
}

/* What follows the flag's name and '='; NULL when the argument is another. */
static const char *value_of(const char *arg, const char *flag)
{
	size_t n = strlen(flag);

	return strncmp(arg, flag, n) == 0 && arg[n] == '=' ? arg + n + 1 : NULL;
}

static bool is_wanted(const char *name, char **argv, int argc)
{
	for (int i = 1; i < argc; i++) {
		const char *row = value_of(argv[i], "--bench_row");

		if (row && strcmp(row, name) == 0)
			return true;
	}
	return false;
}

/* Rows asked for by name, or all the usual ones. 2 when there is none of a name. */
static int choose(struct options *o, int argc, char **argv)
{
	const struct catalogue *all = catalogue_all();
	bool named = false;

	for (int i = 1; i < argc; i++) {
		const char *row = value_of(argv[i], "--bench_row");

		if (row && !catalogue_find(all, row)) {
			fprintf(stderr, "%s: there is no row '%s' (--bench_list shows them)\n", argv[0], row);
			return 2;
		}
		named |= row != NULL;
	}
	o->chosen.at = calloc(all->n + 1, sizeof(struct instance *));
	for (size_t i = 0; o->chosen.at && i < all->n; i++) {
		if (named ? is_wanted(all->at[i]->name, argv, argc) : catalogue_usual(all->at[i]))
			o->chosen.at[o->chosen.n++] = all->at[i];
	}
	return -1;
}

int options_read(struct options *o, int argc, char **argv)
{
	bool only_list = false;
	double slower = 1;
	int rc;

	*o = (struct options){.argv = calloc((size_t)argc + 1, sizeof(char *))};
	if (!o->argv)
		return 2;
	for (int i = 0; i < argc; i++) {
		if (i > 0 && strcmp(argv[i], "--bench_help") == 0) {
			help();
			return 0;
		} else if (i > 0 && strcmp(argv[i], "--bench_facts") == 0) {
			write_facts();
			return 0;
		} else if (i > 0 && strcmp(argv[i], "--bench_list") == 0) {
			only_list = true;
		} else if (i > 0 && strcmp(argv[i], "--bench_full") == 0) {
			setenv("BENCH", "full", 1);
		} else if (i > 0 && value_of(argv[i], "--bench_out")) {
			o->out = value_of(argv[i], "--bench_out");
		} else if (i > 0 && strcmp(argv[i], "--bench_serve") == 0) {
			o->serve = true;
		} else if (i > 0 && value_of(argv[i], "--bench_slower")) {
			slower = atof(value_of(argv[i], "--bench_slower"));
			if (!(slower >= 1 && slower <= 100)) {
				fprintf(stderr, "%s: --bench_slower must be from 1 to 100\n", argv[0]);
				return 2;
			}
		} else if (i > 0 && value_of(argv[i], "--bench_ops")) {
			o->ops = atoll(value_of(argv[i], "--bench_ops"));
			if (o->ops <= 0) {
				fprintf(stderr, "%s: --bench_ops must be at least 1\n", argv[0]);
				return 2;
			}
		} else if (i == 0 || !value_of(argv[i], "--bench_row")) {
			o->argv[o->argc++] = argv[i];
		}
	}
	rc = choose(o, argc, argv);
	if (rc < 0 && only_list) {
		list(&o->chosen);
		return 0;
	}
	if (rc < 0 && o->serve) {
		if (o->chosen.n != 1 || o->chosen.at[0]->threads != 1) {
			fprintf(stderr, "%s: --bench_serve is for one row with one thread\n", argv[0]);
			return 2;
		}
		serve_enable(slower);
	}
	return rc;
}
