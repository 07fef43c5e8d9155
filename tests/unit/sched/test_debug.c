/* SPDX-License-Identifier: MIT
 *
 * Looking at the runtime: the list of coroutines, the counters, what it was built with. */
#include "harness/crowd.h"

#include <pthread.h>

static wend_waitgroup wg;

struct tally {
	int shown, waiting, running, runnable, bad;
	uint64_t me;
};

static bool look(const wend_coroutine_info *i, void *arg)
{
	struct tally *t = arg;

	t->shown++;
	if (strcmp(i->state, "sync.WaitGroup.Wait") == 0) {
		t->waiting++;
		/* parked_ns may lag, but a parked one has it and knows its object */
		t->bad += i->wait_object != &gate;
	} else if (strcmp(i->state, "running") == 0) {
		t->running++;
	} else if (strcmp(i->state, "runnable") == 0) {
		t->runnable++;
	} else {
		t->bad++;
	}
	t->bad += i->id == 0 || i->stack_size < 1024;
	if (i->id == t->me)
		t->me = 0;
	return true;
}

CO_TEST(the_list_shows_everybody)
{
	struct tally t = {.me = wend_coroutine_id()};

	crowd(100);
	for (int tries = 0; tries < 1000; tries++) { /* the last may still be on its way to sleep */
		t = (struct tally){.me = wend_coroutine_id()};
		CHECK_EQ(wend_coroutines_each(look, &t), 101);
		if (t.waiting == 100)
			break;
		wend_yield();
	}
	CHECK_EQ(t.shown, 101);
	CHECK_EQ(t.waiting, 100);
	CHECK_EQ(t.running, 1);
	CHECK_EQ(t.me, 0);
	CHECK_EQ(t.bad, 0);
	disperse();
	t = (struct tally){.me = wend_coroutine_id()};
	CHECK_EQ(wend_coroutines_each(look, &t), 1);
}

static bool only_first(const wend_coroutine_info *i, void *n)
{
	(void)i;
	return ++*(int *)n < 3;
}

CO_TEST(the_walk_stops_when_told)
{
	int n = 0;

	crowd(10);
	CHECK_EQ(wend_coroutines_each(only_first, &n), 3);
	CHECK_EQ(n, 3);
}

static void child_of(uint64_t parent, uint64_t *id)
{
	(void)parent;
	*id = wend_coroutine_id();
	wend_waitgroup_done(&wg);
	wend_waitgroup_wait(&gate);
}

struct search {
	uint64_t id;
	wend_coroutine_info info;
};

static bool by_id(const wend_coroutine_info *i, void *arg)
{
	struct search *s = arg;

	if (i->id != s->id)
		return true;
	s->info = *i;
	return false;
}

CO_TEST(wend_go_macro_gives_the_functions_name)
{
	struct search s = {.id = 0};

	wend_waitgroup_add(&gate, 1);
	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(WEND_GO(child_of, wend_coroutine_id(), &s.id), 0);
	wend_waitgroup_wait(&wg);
	wend_coroutines_each(by_id, &s);
	CHECK_EQ(s.info.id, s.id);
	CHECK(s.info.name != NULL);
	CHECK_EQ(s.info.name, "child_of");
	CHECK_EQ(s.info.parent_id, wend_coroutine_id());
	CHECK(s.info.created_at != NULL);
}

/* ---- While others run ------------------------------------------------------------------------ */

static int stop;

static void short_lived(void *unused)
{
	(void)unused;
	wend_yield();
	wend_waitgroup_done(&wg);
}

static bool sane(const wend_coroutine_info *i, void *unused)
{
	(void)unused;
	CHECK(i->id != 0);
	CHECK(i->state != NULL && strlen(i->state) < 40);
	CHECK(i->stack_size >= 1024 && i->stack_size <= (1u << 30));
	CHECK(i->name == NULL || strcmp(i->name, "churning") == 0 || strcmp(i->name, "main") == 0);
	return true;
}

static void *watch(void *walks)
{
	wend_stats st;

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		wend_coroutines_each(sane, NULL);
		wend_stats_read(&st);
		++*(long *)walks;
	}
	return NULL;
}

CO_TEST_LIMIT(the_list_can_be_read_while_others_come_and_go, 20)
{
	wend_attr a = {.name = "churning"};
	double end = test_now() + 0.3;
	long walks = 0;
	pthread_t t;

	wend_maxprocs(2);
	CHECK(pthread_create(&t, NULL, watch, &walks) == 0);
	while (test_now() < end) {
		wend_waitgroup_add(&wg, 64);
		for (int i = 0; i < 64; i++)
			CHECK_EQ(wend_go_attr(&a, short_lived, NULL), 0);
		wend_coroutines_each(sane, NULL);
		wend_waitgroup_wait(&wg);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	pthread_join(t, NULL);
	CHECK(walks > 0);
}

/* ---- Counters -------------------------------------------------------------------------------- */

CO_TEST(the_counters_add_up)
{
	wend_stats before, after;

	wend_stats_read(&before);
	wend_waitgroup_add(&wg, 1000);
	for (int i = 0; i < 1000; i++)
		CHECK_EQ(wend_go(short_lived, NULL), 0);
	wend_waitgroup_wait(&wg);
	while (wend_num_coroutines() != 1)
		wend_yield();
	wend_stats_read(&after);
	CHECK_EQ(after.spawns - before.spawns, 1000);
	CHECK_EQ(after.exits - before.exits, 1000);
	CHECK_LE(1000, after.switches - before.switches);
	CHECK_LE(after.yields - before.yields, after.switches - before.switches);
	CHECK_LE(1, after.parks - before.parks);
	CHECK_LE(after.readies - before.readies, after.parks - before.parks);
	CHECK_LE(1, after.threads);
	CHECK_LE(after.threads, 64);
	CHECK_LE(2, after.stacks);
	CHECK_LE(after.guarded, after.stacks);
	CHECK_LE(after.steals, after.stolen);
}

static void yielder(void *unused)
{
	(void)unused;
	for (int i = 0; i < 500; i++)
		wend_yield();
	wend_waitgroup_done(&wg);
}

CO_TEST(yields_are_counted)
{
	wend_stats before, after;

	wend_maxprocs(1);
	wend_stats_read(&before);
	wend_waitgroup_add(&wg, 2);
	CHECK_EQ(wend_go(yielder, NULL), 0);
	CHECK_EQ(wend_go(yielder, NULL), 0);
	wend_waitgroup_wait(&wg);
	wend_stats_read(&after);
	/* "that switched": each has the other most of the time */
	CHECK_LE(400, after.yields - before.yields);
	CHECK_LE(after.yields - before.yields, 1000);
}

/* ---- Build ----------------------------------------------------------------------------------- */

CO_TEST(the_atomics_backend_is_the_one_asked_for)
{
#if defined(WEND_ATOMICS_BUILTIN)
	CHECK_EQ(wend_atomics_backend(), "builtin");
#else
	CHECK_EQ(wend_atomics_backend(), "ck_pr");
#endif
}

/* The release build on x86-64 uses Concurrency Kit; so does every build without ThreadSanitizer. */
CO_TEST(the_default_backend_is_ck_pr)
{
#if defined(__x86_64__) && !TEST_TSAN
	CHECK_EQ(wend_atomics_backend(), "ck_pr");
#else
	test_skip("not x86-64, or ThreadSanitizer, which needs the compiler's atomics");
#endif
}

CO_TEST(kinds_are_known_words)
{
	const char *f = wend_fence_kind(), *g = wend_guard_kind();

	CHECK(!strcmp(f, "membarrier") || !strcmp(f, "full fences"));
	CHECK(!strcmp(g, "madvise") || !strcmp(g, "mprotect") || !strcmp(g, "canary"));
}

CO_TEST(p_cpu_is_a_cpu_or_says_that_it_floats)
{
	for (int p = 0; p < wend_maxprocs(0); p++) {
		CHECK_LE(-2, wend_p_cpu(p));
		CHECK_LE(wend_p_cpu(p), sysconf(_SC_NPROCESSORS_CONF));
	}
	CHECK_LE(wend_p_cpu(-1), -1);
	CHECK_LE(wend_p_cpu(100000), -1);
}
