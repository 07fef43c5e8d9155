/* SPDX-License-Identifier: MIT
 *
 * tests/model/explore.c - the search: execution after execution, a few at random, then exhaustively with
 * 0, 1, 2, ... preemptions, then at random until time is up, in each memory mode; a failure is shortened, traced
 * and said how to repeat.
 *
 * Environment: MODEL_SECONDS for one test (default 0.4); MODEL_SEED (else WEND_SEED) and MODEL_EXEC=tso:17
 * repeat one random execution; MODEL_REPLAY=tso:0*12.1 follows a list of decisions. MODEL_MEMORY=weak (or tso): that
 * mode alone. MODEL_BRIEF: is there a failure? It is not shortened, and outcomes that never happened are none; seconds
 * are those of the CPU.
 */
#include "model/engine.h"

#include <signal.h>
#include <time.h>
#include <ucontext.h>

#define PATIENCE 20.0 /* seconds more for outcomes that have not been seen */

static const char *memory_name(unsigned memory)
{
	return memory == MODEL_TSO ? "tso" : "weak";
}

static bool brief(void)
{
	return getenv("MODEL_BRIEF");
}

/* Seconds; of the CPU's time in brief, so that what is found does not depend on what else the machine has to do. */
static double now(void)
{
	struct timespec ts;

	if (!brief())
		return test_now();
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* ---- Faults of the tested code ---------------------------------------------------------------------- */

static void after_fault(void)
{
	model_stop("the code crashed: a bad address, or freed memory, was used");
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	static alignas(16) char stack[64 << 10];
	ucontext_t *uc = context;

	(void)info;
	if (!model.running) {
		signal(sig, SIG_DFL);
		return;
	}
	model.cur->pc = (void *)uc->uc_mcontext.gregs[REG_RIP];
	model.cur->op = OP_NOTE;
	uc->uc_mcontext.gregs[REG_RSP] = (greg_t)(stack + sizeof stack - 8);
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)after_fault;
}

static void catch_faults(void)
{
	static char stack[64 << 10];
	stack_t alt = {.ss_sp = stack, .ss_size = sizeof stack};
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

	sigaltstack(&alt, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGILL, &sa, NULL);
	sigaction(SIGFPE, &sa, NULL);
}

/* ---- Decisions as text: 0*12.1.0*3 ------------------------------------------------------------------ */

static void print_decisions(void)
{
	int n = model.nprefix;

	while (n > 0 && model.prefix[n - 1] == 0)
		n--;
	printf("#   MODEL_REPLAY=%s:", memory_name(model.memory));
	for (int i = 0, run; i < n; i += run) {
		for (run = 1; i + run < n && model.prefix[i + run] == model.prefix[i]; run++)
			;
		printf(run > 1 ? "%s%u*%d" : "%s%u", i ? "." : "", model.prefix[i], run);
	}
	printf("\n");
}

static void read_decisions(const char *text)
{
	model.nprefix = 0;
	while (*text) {
		char *end;
		unsigned long pick = strtoul(text, &end, 10), run = 1;

		if (end == text)
			test_fail(__FILE__, __LINE__, "MODEL_REPLAY: not a list of decisions: %s", text);
		if (*end == '*')
			run = strtoul(end + 1, &end, 10);
		while (run-- && model.nprefix < CHOICES)
			model.prefix[model.nprefix++] = (uint8_t)pick;
		text = *end ? end + 1 : end;
	}
}

/* ---- A failure ---------------------------------------------------------------------------------------- */

static void keep_decisions(void)
{
	for (int i = 0; i < model.at; i++)
		model.prefix[i] = model.choice[i].pick;
	model.nprefix = model.at;
}

static void no_bounds(enum strategy strategy)
{
	model.strategy = strategy;
	model.preemptions = model.departures = INT32_MAX;
}

/* Do the decisions still fail with these replaced by the simplest? The list is kept then. */
static bool simpler(int from, int n)
{
	static uint8_t before[CHOICES];
	int len = model.nprefix;

	memcpy(before, model.prefix, (size_t)len);
	memset(model.prefix + from, 0, (size_t)n);
	model_execute();
	if (model.failed) {
		keep_decisions();
		return true;
	}
	memcpy(model.prefix, before, (size_t)len);
	model.nprefix = len;
	return false;
}

static int complexity(void)
{
	int n = 0;

	for (int i = 0; i < model.nprefix; i++)
		n += model.prefix[i] != 0;
	return n;
}

/* First halves of the list, then quarters, then one by one, until nothing can go any more. */
static void shrink(void)
{
	double end = now() + 3;

	keep_decisions();
	no_bounds(REPLAY);
	for (int before = INT32_MAX; complexity() < before && now() < end;) {
		before = complexity();
		for (int size = model.nprefix; size; size /= 2)
			for (int at = model.nprefix - size; at > -size && now() < end; at -= size) {
				int from = at > 0 ? at : 0, any = 0, n = size;

				if (from >= model.nprefix)
					continue;
				if (from + n > model.nprefix)
					n = model.nprefix - from;
				for (int i = from; i < from + n; i++)
					any |= model.prefix[i];
				if (any)
					simpler(from, n);
			}
	}
}

static void report(const char *name, const char *how, struct model_result *result)
{
	int before;

	result->failed = true;
	snprintf(result->message, sizeof result->message, "%s", model.message);
	if (brief() && !result->quiet)
		printf("# %s (%s): %s\n", name, memory_name(model.memory), model.message);
	if (brief())
		return;
	keep_decisions();
	before = complexity();
	shrink();
	model.tracing = true;
	model_execute(); /* deterministic: fails again */
	model.tracing = false;
	snprintf(result->message, sizeof result->message, "%s", model.message);
	if (result->quiet)
		return;
	printf("# %s (%s): %s\n# found %s; shortened from %d decisions to %d:\n", name, memory_name(model.memory),
		   model.message, how, before, complexity());
	trace_print();
	printf("# again with\n");
	print_decisions();
}

/* ---- The search ----------------------------------------------------------------------------------------- */

static bool failed(struct model_result *result)
{
	result->executions++;
	result->steps += model.step;
	return model.failed;
}

/* True when the whole tree is done. */
static bool exhaust(const char *name, double end, struct model_result *result, int *done)
{
	char how[100];

	*done = -1;
	for (int bound = 0; bound <= (model.opt->bound ? model.opt->bound : 8); bound++) {
		model.nprefix = 0;
		model.bounded = false;
		do {
			model.strategy = EXHAUST;
			model.preemptions = bound;
			model.departures = bound + 1;
			model_execute();
			if (failed(result)) {
				snprintf(how, sizeof how, "in execution %llu of the exhaustive search at bound %d",
						 (unsigned long long)result->executions, bound);
				report(name, how, result);
				return false;
			}
			if (result->executions % 16 == 0 && now() > end)
				return false;
		} while (choose_next_exhaustive());
		*done = bound;
		if (!model.bounded)
			return true;
	}
	return false;
}

static void random_walk(const char *name, uint64_t seed, uint64_t first, uint64_t n, double end,
						struct model_result *result)
{
	char how[100];

	for (uint64_t i = 0; i < n; i++) {
		model.nprefix = 0;
		choose_begin(seed, first + i);
		no_bounds(RANDOM);
		model_execute();
		if (failed(result)) {
			snprintf(how, sizeof how, "at random: MODEL_SEED=%llu MODEL_EXEC=%s:%llu",
					 (unsigned long long)seed, memory_name(model.memory), (unsigned long long)(first + i));
			report(name, how, result);
			return;
		}
		if (i % 16 == 15 && now() > end)
			return;
	}
}

/* What the environment asks to be repeated: true when this memory mode is done with that. */
static bool repeat(const char *name, uint64_t seed, struct model_result *result)
{
	const char *list = getenv("MODEL_REPLAY"), *one = getenv("MODEL_EXEC");
	const char *what = list ? list : one, *colon = what ? strchr(what, ':') : NULL;

	if (!what)
		return false;
	if (!colon)
		test_fail(__FILE__, __LINE__, "MODEL_REPLAY=tso:... or MODEL_EXEC=tso:... is expected");
	if (strncmp(what, memory_name(model.memory), (size_t)(colon - what)) != 0)
		return true;
	if (one && !list) {
		random_walk(name, seed, strtoull(colon + 1, NULL, 10), 1, 0, result);
		return true;
	}
	read_decisions(colon + 1);
	no_bounds(REPLAY);
	model_execute();
	if (failed(result))
		report(name, "in the list of decisions", result);
	return true;
}

static void explore(const char *name, double seconds, struct model_result *result)
{
	const char *env = getenv("MODEL_SEED");
	uint64_t seed = env ? strtoull(env, NULL, 0) : test_seed();
	uint64_t before = result->executions, systematic;
	double start = now();
	int bound;

	if (repeat(name, seed, result))
		return;
	/* A little at random first: it finds what is easy in no time, where depth first may begin at the wrong end. */
	bool all = false;

	bound = -1;
	random_walk(name, seed, 0, 256, start + seconds / 4, result);
	systematic = result->executions;
	if (!result->failed)
		all = exhaust(name, start + seconds / 2, result, &bound);
	systematic = result->executions - systematic;
	if (!result->failed && !all)
		random_walk(name, seed, 256, UINT64_MAX, start + seconds, result);
	/* What must be reached is looked for longer; how long depends on the machine, the verdict should not. */
	for (uint64_t first = (uint64_t)1 << 32; !result->failed && !all && !brief() && (model.opt->cover & ~model.covered) &&
											 now() < start + seconds + PATIENCE;
		 first += 256)
		random_walk(name, seed, first, 256, start + seconds + PATIENCE, result);

	double took = now() - start;
	uint64_t n = result->executions - before;

	if (bound < result->exhausted && !all)
		result->exhausted = bound;
	if (result->failed || result->quiet)
		return;
	if (all)
		printf("# %s %s: exhausted, every execution: %llu, %.0f k/s\n", name, memory_name(model.memory),
			   (unsigned long long)systematic, (double)n / took / 1000);
	else if (bound < 0)
		printf("# %s %s: limit reached at 0: %llu executions; random: %llu; %.0f k/s\n", name,
			   memory_name(model.memory), (unsigned long long)systematic,
			   (unsigned long long)(n - systematic), (double)n / took / 1000);
	else
		printf("# %s %s: exhausted at bound %d, limit reached at %d: %llu executions; random: %llu; %.0f k/s\n",
			   name, memory_name(model.memory), bound, bound + 1, (unsigned long long)systematic,
			   (unsigned long long)(n - systematic), (double)n / took / 1000);
}

bool model_run(const char *name, void (*body)(void), const struct model_options *opt,
			   struct model_result *result)
{
	const char *env = getenv("MODEL_SECONDS"), *only = getenv("MODEL_MEMORY");
	double seconds = (env ? atof(env) : 0.4) * (opt->weight > 0 ? opt->weight : 1);
	unsigned memory = opt->memory ? opt->memory : MODEL_TSO | MODEL_WEAK;
	bool quiet = result->quiet;
	double start = now();

	if (memory == (MODEL_TSO | MODEL_WEAK) && !only)
		seconds /= 2;
	*result = (struct model_result){.quiet = quiet, .exhausted = INT32_MAX};
	catch_faults();
	model.opt = opt;
	model.body = body;
	model.step_limit = opt->steps ? opt->steps : 20000;
	for (unsigned mode = MODEL_TSO; mode <= MODEL_WEAK && !result->failed; mode <<= 1) {
		model.memory = mode;
		if (!(memory & mode) || (only && strcmp(only, memory_name(mode)) != 0))
			continue;
		model.covered = 0;
		explore(name, seconds, result);
		result->covered |= model.covered;
		if (!result->failed && (opt->cover & ~model.covered) && !brief() && !getenv("MODEL_REPLAY") &&
			!getenv("MODEL_EXEC")) {
			result->failed = true;
			snprintf(result->message, sizeof result->message, "%s: outcomes %#llx never happened",
					 memory_name(mode), (unsigned long long)(opt->cover & ~model.covered));
		}
	}
	result->seconds = now() - start;
	return !result->failed;
}

void model_check(const char *name, void (*body)(void), const struct model_options *opt)
{
	struct model_result result = {0};

	if (model_run(name, body, opt, &result))
		return;
	fflush(stdout);
	test_fail(__FILE__, __LINE__, "%s: %s", name, result.message);
}
