/* SPDX-License-Identifier: MIT
 *
 * Random calls of a few keys by coroutines and threads, directly and by channels, with keys forgotten, functions that fail, panic
 * and leave. Each call makes a record, and all who got it are counted in it: what they were told of sharing must be true of
 * all of them, and nobody is without one. */
#include "harness/lives.h"

#define LOAD(x) __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define ADD(x, n) __atomic_add_fetch(&(x), (n), __ATOMIC_ACQ_REL)

/* Of the keys the first ones are never forgotten, so no two calls of one run at a time; two more panic, and leave. */
enum { WORKERS = 8, THREADS = 2, STEADY = 3, KEYS = 6, PANICS = KEYS, LEAVES, RECORDS = 1 << 20 };

static const char *const names[] = {"one", "two", "three", "four", "five", "six", "panics", "leaves"};

struct record {
	int shared, alone; /* how many were told so */
};

static wend_singleflight group;
static struct record *records;
static int made, panicked, running[LEAVES + 1];
static int64_t got, caught, left, launched;

/* ---- What is called -------------------------------------------------------------------------------------- */

static void begin(int key)
{
	int n = ADD(running[key], 1);

	CHECK(n == 1 || (key >= STEADY && key < KEYS));
	if (LOAD(made) & 1 && wend_coroutine_id())
		wend_yield();
	ADD(running[key], -1);
}

static int work(void *arg, void **value)
{
	int key = (int)(intptr_t)arg, i;

	begin(key);
	i = ADD(made, 1);
	if (i < RECORDS)
		*value = &records[i];
	return key % 2 ? -key : 0;
}

static int panic(void *unused, void **value)
{
	begin(PANICS);
	wend_panicf("panic %d", ADD(panicked, 1));
}

static int go_away(void *unused, void **value)
{
	begin(LEAVES);
	wend_goexit();
}

/* ---- Who calls ------------------------------------------------------------------------------------------- */

static void count(int key, int err, void *value, bool shared)
{
	struct record *r = value;

	CHECK_EQ(err, key % 2 ? -key : 0);
	if (!r) {
		CHECK(LOAD(made) >= RECORDS);
		return;
	}
	ADD(*(shared ? &r->shared : &r->alone), 1);
	ADD(got, 1);
}

static void call(int key)
{
	void *value = NULL;
	bool shared;
	int err = wend_singleflight_do(&group, names[key], work, (void *)(intptr_t)key, &value, &shared);

	count(key, err, value, shared);
}

static void call_by_channel(int key)
{
	wend_chan *c = wend_singleflight_do_chan(&group, names[key], work, (void *)(intptr_t)key);
	wend_singleflight_result r;

	CHECK(c);
	CHECK(wend_chan_recv(c, &r));
	count(key, r.err, r.value, r.shared);
	wend_chan_release(c);
}

static void catch(void *unused)
{
	const char *text = wend_recover();

	CHECK(text);
	CHECK(strncmp(text, "panic ", 6) == 0 && atoi(text + 6) > 0 && atoi(text + 6) <= LOAD(panicked));
	ADD(caught, 1);
}

static void call_what_panics(void)
{
	WEND_DEFERS;
	wend_defer(catch, NULL);
	wend_singleflight_do(&group, names[PANICS], panic, NULL, NULL, NULL);
	CHECK(!"returned from a panic");
}

static void has_left(void *unused)
{
	ADD(left, 1);
	wend_waitgroup_done(&lives.alive);
}

static void call_what_leaves(void *unused)
{
	WEND_DEFERS;
	wend_defer(has_left, NULL);
	wend_singleflight_do(&group, names[LEAVES], go_away, NULL, NULL, NULL);
	CHECK(!"returned from goexit");
}

static void one_deed(uint64_t r)
{
	int key = (int)((r >> 8) % KEYS);

	switch (r % 32) {
	case 0:
		call_what_panics();
		break;
	case 1:
		wend_waitgroup_add(&lives.alive, 1);
		ADD(launched, 1);
		CHECK_EQ(wend_go(call_what_leaves, NULL), 0);
		break;
	case 2:
	case 3:
		if (key >= STEADY)
			wend_singleflight_forget(&group, names[key]);
		break;
	case 4:
	case 5:
	case 6:
	case 7:
		call_by_channel(key);
		break;
	default:
		call(key);
	}
}

static void some_deeds(uint64_t *rng)
{
	for (int i = 0; i < 16; i++)
		one_deed(test_rand(rng));
}

/* ---- The whole ------------------------------------------------------------------------------------------- */

/* Returns how many calls were shared. */
static int check_records(void)
{
	int64_t sum = 0;
	int shares = 0, n = made < RECORDS ? made : RECORDS - 1;

	for (int i = 1; i <= n; i++) {
		const struct record *r = &records[i];

		CHECK(r->alone == 0 ? r->shared > 1 : r->alone == 1 && r->shared == 0);
		sum += r->alone + r->shared;
		shares += r->shared > 0;
	}
	CHECK_EQ(sum, got);
	return shares;
}

CO_TEST_LIMIT(all_who_call_get_the_result_of_one_call, 60)
{
	int shares;

	wend_maxprocs(4);
	records = calloc(RECORDS, sizeof *records);
	CHECK(records);
	lives_run(WORKERS, THREADS, test_stress_seconds() / 2, some_deeds);
	shares = check_records();
	CHECK_EQ(left, launched);
	CHECK(caught > 0);
	test_note("%d calls for %lld callers, %d of them shared; %lld panics, %lld left", made, (long long)got, shares, (long long)caught,
			  (long long)left);
	free(records);
}
