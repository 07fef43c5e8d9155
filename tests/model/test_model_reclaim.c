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

static void begin_bare(int nprocs)
{
	reclaim_forget();
	threads_begin(nprocs, THREADS_BORDER);
	model_name(&slot, sizeof slot, "slot");
	model_name(&wend__epoch, sizeof wend__epoch, "epoch");
	model_private(&run, sizeof run);
	atm_store_rlx(&slot, make(1));
}

/* Threads besides idle_m, which comes last. */
static void begin(int threads)
{
	begin_bare(threads + 1);
	atm_store_rlx(&left, (uint32_t)threads);
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

/* ---- Two threads and no more: each order by itself, found within few preemptions -------------------------- */

/* As an M without work: what is retired so far has run when it returns. Nobody else is needed. */
static void work_it_off(void)
{
	uint64_t mark = reclaim_mark();
	struct m *mp = enter();

	while (!reclaim_passed(mark)) {
		reclaim_work(mp);
		atm_pause();
	}
	leave(mp);
}

static void begin_two(bool asym)
{
	model_asym(asym);
	begin_bare(2);
	atm_store_rlx(&wend__reclaim_hurry, 1); /* no waiting between two periods */
}

static void end_two(uint32_t retired)
{
	threads_join();
	work_it_off();
	MODEL_CHECK_EQ(atm_load_rlx(&run), retired);
	free(atm_load_rlx(&slot));
}

static void retire_one(void)
{
	replace(2);
	work_it_off();
}

#define READER(fn)                                                                                \
	MODEL_TEST(fn##_beside_one_who_retires, .weight = 0.5)                                        \
	{                                                                                             \
		begin_two(true);                                                                          \
		co_go(fn, NULL);                                                                          \
		retire_one();                                                                             \
		end_two(1);                                                                               \
	}                                                                                             \
	MODEL_TEST(fn##_beside_one_who_retires_with_full_fences, .weight = 0.5)                       \
	{                                                                                             \
		begin_two(false);                                                                         \
		co_go(fn, NULL);                                                                          \
		retire_one();                                                                             \
		end_two(1);                                                                               \
	}

static void look(void)
{
	MODEL_CHECK(atm_load_rlx(&((struct object *)atm_load_acq(&slot))->word) <= 2);
}

static void calls(void *unused)
{
	for (int i = 0; i < 2; i++) {
		struct m *mp = enter();

		look();
		leave(mp);
	}
}

static void refreshes(void *unused)
{
	struct m *mp = enter();

	look();
	border_refresh(mp);
	look();
	leave(mp);
}

/* As an M that has slept. */
static void wakes_up(void *unused)
{
	struct m *mp = getm();

	border_refresh(mp);
	look();
	leave(mp);
}

static void sections(void *unused)
{
	for (int i = 0; i < 2; i++) {
		wend_section_begin();
		look();
		wend_section_end();
	}
}

READER(calls)
READER(refreshes)
READER(wakes_up)
READER(sections)

static void one_section(void *unused)
{
	wend_section_begin();
	look();
	wend_section_end();
}

/* It may see an epoch, be away for two periods, and come back. */
MODEL_TEST(a_foreign_section_beside_two_periods, .weight = 0.5)
{
	begin_two(true);
	foreign_go(one_section, NULL);
	retire_one();
	retire_one();
	end_two(2);
}

/* Whoever frees need not be the one who has seen the readers leave. */
static void read_and_drive(void *unused)
{
	read_inside(NULL);
	reclaim_tick(getm());
	reclaim_tick(getm());
}

MODEL_TEST(one_sees_the_end_of_the_period_another_frees, .weight = 0.5)
{
	begin_two(true);
	co_go(read_and_drive, NULL);
	retire_one();
	end_two(1);
}

/* What the callbacks did is there for whoever asks whether they have run. */
static struct model_mark called;

static void destroy_and_mark(void *o)
{
	destroy(o);
	called = model_mark();
}

static void until_it_has_run(void *unused)
{
	while (atm_load_rlx(&run) == 0)
		work_it_off();
}

MODEL_TEST(a_mark_that_has_passed_shows_what_the_callbacks_did, .weight = 0.5)
{
	begin_two(true);
	wend_retire(atm_xchg_sc(&slot, make(2)), destroy_and_mark);

	uint64_t mark = reclaim_mark();

	co_go(until_it_has_run, NULL);
	while (!reclaim_passed(mark))
		atm_pause();
	MODEL_CHECK(model_seen(called));
	end_two(1);
}

/* Parked, and nobody but the one who runs the block will wake it. */
MODEL_TEST(the_barrier_is_woken_by_who_runs_the_block, .weight = 0.5)
{
	begin_two(true);
	replace(2);
	co_go(until_it_has_run, NULL);
	wend_retire_barrier();
	end_two(1);
}

/* ---- No memory for a block: who retires waits ------------------------------------------------------- */

static void retire_without_memory(uint64_t value)
{
	void *old = atm_xchg_sc(&slot, make(value));

	model_no_memory(true);
	wend_retire(old, destroy);
	model_no_memory(false);
}

#define WITHOUT_MEMORY(fn)                                                                        \
	MODEL_TEST(fn##_beside_one_without_memory, .weight = 0.5)                                     \
	{                                                                                             \
		begin_two(true);                                                                          \
		co_go(fn, NULL);                                                                          \
		retire_without_memory(2);                                                                 \
		MODEL_CHECK_EQ(atm_load_rlx(&run), 1);                                                    \
		end_two(1);                                                                               \
	}

WITHOUT_MEMORY(calls)
WITHOUT_MEMORY(sections)

static struct object *spare[2];

static void read_and_retire(void *object)
{
	read_inside(NULL);
	wend_retire(atm_xchg_sc(&slot, object), destroy);
}

/* Each moves the period on, for itself and for the other. */
MODEL_TEST(two_without_memory, .weight = 0.5)
{
	begin_two(true);
	spare[0] = make(1);
	spare[1] = make(2);
	model_no_memory(true);
	co_go(read_and_retire, spare[1]);
	read_and_retire(spare[0]);
	threads_join();
	model_no_memory(false);
	end_two(2);
}

/* A block waits already, so whoever ticks drives, too. */
MODEL_TEST(one_without_memory_and_one_who_drives, .weight = 0.5)
{
	begin_two(true);
	replace(1);
	reclaim_mark();
	co_go(read_and_drive, NULL);
	retire_without_memory(2);
	end_two(2);
}
