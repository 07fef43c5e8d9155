/* SPDX-License-Identifier: MIT */
#include "bench/serve.h"

#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define EVENTS_MAX 32

struct reading {
	struct rusage usage;
	uint64_t event[EVENTS_MAX];
	size_t n;
};

static struct {
	bool on;
	double slower, owed; /* owed: parts of an operation that earlier bursts left */
	uint64_t asked;
	bool greeted;
	struct reading before;
} serve;

static bench_events_fn *events;

void bench_events(bench_events_fn *fn)
{
	events = fn;
}

void serve_enable(double slower)
{
	serve.on = true;
	serve.slower = slower;
}

bool serve_enabled(void)
{
	return serve.on;
}

static void look(struct reading *r, const char *const **names)
{
	getrusage(RUSAGE_SELF, &r->usage);
	r->n = events ? events(names, r->event, EVENTS_MAX) : 0;
}

uint64_t serve_take(void)
{
	const char *const *names;
	char line[64];
	double real;

	if (!serve.greeted) {
		struct json j = {.to = stdout};

		json_open(&j, NULL, '{');
		json_bool(&j, "ready", true);
		json_close(&j, '}');
		json_end(&j);
		serve.greeted = true;
	}
	if (!fgets(line, sizeof line, stdin))
		return 0;
	serve.asked = strtoull(line, NULL, 10);
	real = (double)serve.asked * serve.slower + serve.owed;
	serve.owed = real - (double)(uint64_t)real;
	look(&serve.before, &names);
	return (uint64_t)real;
}

void serve_answer(uint64_t wall_ns, uint64_t cpu_ns)
{
	const char *const *names = NULL;
	const struct reading *before = &serve.before;
	struct json j = {.to = stdout};
	struct reading now;

	look(&now, &names);
	json_open(&j, NULL, '{');
	json_int(&j, "ops", (int64_t)serve.asked);
	json_int(&j, "wall_ns", (int64_t)wall_ns);
	json_int(&j, "cpu_ns", (int64_t)cpu_ns);
	json_int(&j, "nvcsw", now.usage.ru_nvcsw - before->usage.ru_nvcsw);
	json_int(&j, "nivcsw", now.usage.ru_nivcsw - before->usage.ru_nivcsw);
	json_open(&j, "events", '{');
	for (size_t i = 0; i < now.n && now.n == before->n; i++)
		json_int(&j, names[i], (int64_t)(now.event[i] - before->event[i]));
	json_close(&j, '}');
	json_close(&j, '}');
	json_end(&j);
}

void serve_end(const struct outcome *out)
{
	static const char *const status[] = {"ok", "skip", "fail"};
	struct json j = {.to = stdout};

	json_open(&j, NULL, '{');
	json_text(&j, "status", status[out->status]);
	if (out->status != OUTCOME_OK)
		json_text(&j, "reason", out->reason ? out->reason : "out of memory");
	json_close(&j, '}');
	json_end(&j);
}
