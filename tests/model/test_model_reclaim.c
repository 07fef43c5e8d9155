/* SPDX-License-Identifier: MIT
 *
 * Reclamation under the model checker: no reader touches what has been freed, nothing is forgotten, the barrier waits for
 * all. Objects are the checker's memory: it notices use after free, double free and leaks. */
#include "model/threads.h"

#include "sched/reclaim.h"
#include "wend/retire.h"

struct object {
	atm_u64 word;
};

static atm_ptr slot; /* what readers find */
static atm_u32 run;  /* callbacks */
static atm_u32 left; /* threads that are not through */

static struct object *make(uint64_t value)
{
	struct object *o = calloc(1, sizeof *o);

	model_name(o, sizeof *o, "object");
	atm_store_rlx(&o->word, value);
	return o;
}

static void destroy(void *o)
{
	atm_add_sc(&run, 1);
	free(o);
}

/* A sleeping M, which looks every millisecond: here, when nobody else can go on. */
static void idle_m(void *unused)
{
	for (uint32_t n; (n = atm_load_acq(&left)) > 0;) {
		model_futex_wait(&left, n, model_clock() + 1000000);
		reclaim_tick(getm());
	}
}

static void through(void)
{
	atm_add_sc(&left, (uint32_t)-1);
	model_futex_wake(&left, 1);
}

/* its_fn: fn as a whole thread. */
#define THREAD(fn)                                                                                \
	static void its_##fn(void *arg)                                                               \
	{                                                                                             \
		fn(arg);                                                                                  \
		through();                                                                                \
	}

/* Threads besides idle_m, which comes last. */
static void begin(int threads)
{
	reclaim_forget();
	threads_begin(threads + 1, THREADS_BORDER);
	atm_store_rlx(&left, (uint32_t)threads);
	model_name(&slot, sizeof slot, "slot");
	model_name(&wend__epoch, sizeof wend__epoch, "epoch");
	model_private(&run, sizeof run);
	atm_store_rlx(&slot, make(1));
}

static void replace(uint64_t value)
{
	wend_retire(atm_xchg_sc(&slot, make(value)), destroy);
}

/* What is left goes with the last one. */
static void end(uint32_t retired)
{
	through();
	threads_join();
	wend_retire_barrier();
	MODEL_CHECK_EQ(atm_load_rlx(&run), retired);
	free(atm_load_rlx(&slot));
	reclaim_end();
}

/* ---- Inside the library: the border is the section ------------------------------------------------ */

static void read_inside(void *unused)
{
	struct m *mp = enter();
	struct object *o = atm_load_acq(&slot);

	MODEL_CHECK(atm_load_rlx(&o->word) <= 2);
	model_cover((int)atm_load_rlx(&o->word));
	leave(mp);
}

static void read_twice_inside(void *unused)
{
	read_inside(NULL);
	read_inside(NULL);
}

static void replace_one(void *unused)
{
	replace(2);
	wend_retire_barrier();
}

THREAD(replace_one)

MODEL_TEST(a_reader_inside_the_library_keeps_what_it_found, .cover = 6)
{
	begin(2);
	co_go(its_replace_one, NULL);
	co_go(idle_m, NULL);
	read_twice_inside(NULL);
	end(1);
}

MODEL_TEST(a_reader_keeps_what_it_found_with_full_fences, .cover = 6)
{
	model_asym(false);
	begin(2);
	co_go(its_replace_one, NULL);
	co_go(idle_m, NULL);
	read_twice_inside(NULL);
	end(1);
}

/* A coroutine that waits, holding nothing, lets grace periods pass, and the next one on its thread is protected. */
static void refresh_and_read(void *unused)
{
	struct m *mp = enter();

	MODEL_CHECK(atm_load_rlx(&((struct object *)atm_load_acq(&slot))->word) <= 2);
	border_refresh(mp);
	MODEL_CHECK(atm_load_rlx(&((struct object *)atm_load_acq(&slot))->word) <= 2);
	leave(mp);
}

MODEL_TEST(a_thread_that_refreshes_its_epoch)
{
	begin(2);
	co_go(its_replace_one, NULL);
	co_go(idle_m, NULL);
	refresh_and_read(NULL);
	end(1);
}

/* ---- Users' sections ------------------------------------------------------------------------------ */

static void read_in_section(void *unused)
{
	wend_section_begin();
	struct object *o = atm_load_acq(&slot);

	read_inside(NULL); /* comes in and goes out */
	MODEL_CHECK(atm_load_rlx(&o->word) <= 2);
	wend_section_end();
}

MODEL_TEST(a_section_keeps_what_it_found)
{
	begin(2);
	co_go(its_replace_one, NULL);
	co_go(idle_m, NULL);
	read_in_section(NULL);
	end(1);
}

static void read_foreign(void *unused)
{
	wend_section_begin();
	struct object *o = atm_load_acq(&slot);

	MODEL_CHECK(atm_load_rlx(&o->word) <= 2);
	wend_section_end();
	wend_section_begin();
	o = atm_load_acq(&slot);
	MODEL_CHECK(atm_load_rlx(&o->word) <= 2);
	wend_section_end();
}

THREAD(read_foreign)

MODEL_TEST(a_foreign_threads_section_keeps_what_it_found)
{
	begin(2);
	foreign_go(its_read_foreign, NULL);
	co_go(idle_m, NULL);
	replace_one(NULL);
	end(1);
}

/* ---- Several who retire --------------------------------------------------------------------------- */

static void replace_twice(void *unused)
{
	replace(1);
	replace(2);
}

THREAD(replace_twice)

MODEL_TEST(two_who_retire_and_a_reader, .weight = 2)
{
	begin(3);
	co_go(its_replace_twice, NULL);
	co_go(its_replace_one, NULL);
	co_go(idle_m, NULL);
	read_in_section(NULL);
	end(3);
}

static void wait_for_all(void *unused)
{
	replace(1);
	wend_retire_barrier();
	MODEL_CHECK(atm_load_acq(&run) >= 1);
}

THREAD(wait_for_all)

MODEL_TEST(two_wait_in_the_barrier)
{
	begin(2);
	co_go(its_wait_for_all, NULL);
	co_go(idle_m, NULL);
	wait_for_all(NULL);
	end(2);
}

/* Periods follow one another: what was retired in the second waits for readers of the second. */
static void replace_three(void *unused)
{
	replace(1);
	wend_retire_barrier();
	replace(2);
	wend_retire_barrier();
}

THREAD(replace_three)

MODEL_TEST(grace_periods_follow_one_another, .weight = 2)
{
	begin(2);
	co_go(its_replace_three, NULL);
	co_go(idle_m, NULL);
	read_twice_inside(NULL);
	end(2);
}

MODEL_TEST(foreign_readers_of_two_periods, .weight = 2)
{
	begin(2);
	foreign_go(its_read_foreign, NULL);
	co_go(idle_m, NULL);
	replace_three(NULL);
	end(2);
}
