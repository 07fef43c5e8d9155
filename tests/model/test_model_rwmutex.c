/* SPDX-License-Identifier: MIT
 *
 * RWMutex under the model checker: readers and writers exclude each other whether read locks are counted in the
 * word, in cells, or on the way from one to the other; nobody is forgotten; read locks travel between P's. In the
 * model a lock becomes biased at each read that may make it so. */
#include "model/lin.h"
#include "model/threads.h"

#include "wend/counter.h"
#include "wend/rwmutex.h"

static wend_rwmutex rw;
static atm_u32 data[2]; /* relaxed: the lock orders them; a writer changes both */
static unsigned writes;
static int readers, writers;
static atm_u32 looked[8]; /* relaxed: each thread's own, under its read locks */
static unsigned looks[8];

enum { BIASED = 8, FENCED = 64 }; /* bits of the word: the first alone is there when readers count in cells */
enum { IN_CELLS, IN_WORD, TRY_FAILS, TRY_GETS }; /* for model_cover */

static void begin(int nprocs, unsigned flags, bool biased)
{
	threads_begin(nprocs, flags);
	rw = (wend_rwmutex)WEND_ZERO;
	writes = 0;
	readers = writers = 0;
	memset(looks, 0, sizeof looks);
	model_name(&rw.wend__state, sizeof rw.wend__state, "rw");
	model_name(data, sizeof data, "data");
	model_private(&rw.wend__enough, sizeof rw.wend__enough);
	if (biased) {
		wend_rwmutex_rlock(&rw);
		wend_rwmutex_runlock(&rw);
		MODEL_CHECK_EQ(atm_load_rlx(&rw.wend__state) & ~FENCED, BIASED);
	}
}

static void end(void)
{
	threads_join();
	MODEL_CHECK_EQ(atm_load_rlx(&data[0]), writes);
	MODEL_CHECK_EQ(atm_load_rlx(&data[1]), writes);
	MODEL_CHECK(!rw.wend__readers && !rw.wend__writer);
	if (!(atm_load_rlx(&rw.wend__state) & BIASED))
		MODEL_CHECK_EQ(atm_load_rlx(&rw.wend__state), 0);
	MODEL_CHECK(wend_rwmutex_trylock(&rw)); /* no reader is counted who is gone */
	wend_rwmutex_unlock(&rw);
	wend_rwmutex_free(&rw);
}

static void look(void)
{
	MODEL_CHECK_EQ(writers, 0);
	readers++;
	model_cover(rw.wend__state.wend__v & BIASED ? IN_CELLS : IN_WORD); /* a look that is no step */
	MODEL_CHECK_EQ(atm_load_rlx(&data[0]), atm_load_rlx(&data[1]));
	atm_store_rlx(&looked[model_self()], ++looks[model_self()]);
	readers--;
}

static void change(void)
{
	uint32_t n = atm_load_rlx(&data[0]);

	MODEL_CHECK_EQ(readers, 0);
	MODEL_CHECK_EQ(writers++, 0);
	for (int i = 0; i < 4; i++) /* what was done under read locks is visible */
		MODEL_CHECK_EQ(atm_load_rlx(&looked[i]), looks[i]);
	atm_store_rlx(&data[0], n + 1);
	atm_store_rlx(&data[1], n + 1);
	writes++;
	MODEL_CHECK_EQ(--writers, 0);
	MODEL_CHECK_EQ(readers, 0);
}

static void read_it(void *unused)
{
	wend_rwmutex_rlock(&rw);
	look();
	wend_rwmutex_runlock(&rw);
}

static void write_it(void *unused)
{
	wend_rwmutex_lock(&rw);
	change();
	wend_rwmutex_unlock(&rw);
}

static void read_twice(void *unused)
{
	read_it(NULL);
	read_it(NULL);
}

static void write_twice(void *unused)
{
	write_it(NULL);
	write_it(NULL);
}

/* ---- Readers and writers ----------------------------------------------------------------------------- */

#define BOTH_WAYS .leaks = true /* cells stay with their P */, .cover = 1 << IN_CELLS | 1 << IN_WORD

/* One reader, one writer: what the fences are for. */
MODEL_TEST(one_reader_and_one_writer, BOTH_WAYS)
{
	begin(2, 0, true);
	co_go(read_twice, NULL);
	write_twice(NULL);
	end();
}

MODEL_TEST(one_reader_and_one_writer_with_full_fences, BOTH_WAYS)
{
	model_asym(false);
	begin(2, 0, true);
	co_go(read_twice, NULL);
	write_twice(NULL);
	end();
}

MODEL_TEST(two_readers_and_a_writer, BOTH_WAYS)
{
	begin(3, 0, true);
	co_go(read_it, NULL);
	co_go(read_twice, NULL);
	write_it(NULL);
	end();
}

MODEL_TEST(a_reader_and_two_writers, BOTH_WAYS)
{
	begin(3, 0, true);
	co_go(write_it, NULL);
	co_go(write_it, NULL);
	read_twice(NULL);
	end();
}

MODEL_TEST(everybody_begins_in_the_word, BOTH_WAYS)
{
	begin(3, 0, false);
	co_go(write_it, NULL);
	co_go(read_it, NULL);
	read_it(NULL);
	end();
}

/* Who sees the bias sees the lock's number, too, and does not count in cell 0, which each P has after a counter. */
static wend_counter other;

static void count_and_read(void *unused)
{
	wend_counter_add(&other, 1);
	read_it(NULL);
}

MODEL_TEST(the_number_comes_with_the_bias, BOTH_WAYS)
{
	begin(3, 0, false);
	model_private(&other, sizeof other);
	co_go(count_and_read, NULL);
	co_go(write_it, NULL);
	count_and_read(NULL);
	end();
	wend_counter_free(&other);
}

MODEL_TEST(threads_and_coroutines_with_two_ps, BOTH_WAYS)
{
	begin(2, THREADS_MIGRATE, true);
	co_go(write_it, NULL);
	co_go(read_it, NULL);
	foreign_go(read_it, NULL);
	end();
}

/* ---- Read locks that travel -------------------------------------------------------------------------- */

static void read_and_move(void *unused)
{
	wend_rwmutex_rlock(&rw);
	look();
	co_move(3);
	look();
	wend_rwmutex_runlock(&rw);
	co_move(1);
	read_it(NULL);
}

MODEL_TEST(released_on_another_p, BOTH_WAYS)
{
	begin(4, 0, true);
	co_go(read_and_move, NULL);
	co_go(write_it, NULL);
	write_it(NULL);
	end();
}

/* The main coroutine takes it, another and a thread release. */
static void release_it(void *unused)
{
	look();
	wend_rwmutex_runlock(&rw);
}

MODEL_TEST(released_by_others, BOTH_WAYS)
{
	begin(3, 0, true);
	wend_rwmutex_rlock(&rw);
	wend_rwmutex_rlock(&rw);
	co_go(release_it, NULL);
	foreign_go(release_it, NULL);
	write_it(NULL);
	read_it(NULL);
	end();
}

static void read_here_release_there(void *unused)
{
	wend_rwmutex_rlock(&rw);
	co_move(3);
	wend_rwmutex_runlock(&rw);
}

/* What a release does that finds the sum of the cells negative. */
void rwmutex_check_misuse(wend_rwmutex *rw);

/* A sum that is read while a read lock goes from one P to another may seem negative. That is no misuse, and a drain tells. */
MODEL_TEST(a_sum_that_seems_negative_is_no_misuse, .leaks = true)
{
	begin(4, 0, true);
	co_move(3);
	wend_rwmutex_rlock(&rw);
	co_move(0);
	wend_rwmutex_runlock(&rw); /* leaves 1 in P 3's cell, and -1 in nobody's */
	co_go(read_here_release_there, NULL);
	rwmutex_check_misuse(&rw);
	end();
}

/* ---- Attempts ---------------------------------------------------------------------------------------- */

static void try_to_write(void *unused)
{
	bool got = wend_rwmutex_trylock(&rw);

	model_cover(got ? TRY_GETS : TRY_FAILS);
	if (got) {
		change();
		wend_rwmutex_unlock(&rw);
	}
}

static void try_to_read(void *unused)
{
	bool got = wend_rwmutex_tryrlock(&rw);

	model_cover(got ? TRY_GETS : TRY_FAILS);
	if (got) {
		look();
		wend_rwmutex_runlock(&rw);
	}
}

#define EITHER .leaks = true, .cover = 1 << TRY_FAILS | 1 << TRY_GETS

/* A drain that is given up leaves nobody behind: readers and writers that queued meanwhile. */
MODEL_TEST(a_drain_is_given_up, EITHER)
{
	begin(3, 0, true);
	co_go(try_to_write, NULL);
	co_go(read_it, NULL);
	read_it(NULL);
	end();
}

MODEL_TEST(a_drain_is_given_up_for_a_writer, EITHER)
{
	begin(3, 0, true);
	co_go(try_to_write, NULL);
	co_go(write_it, NULL);
	read_it(NULL);
	end();
}

MODEL_TEST(attempts_to_read, EITHER)
{
	begin(3, 0, true);
	co_go(try_to_read, NULL);
	co_go(write_it, NULL);
	try_to_read(NULL);
	end();
}

/* ---- Linearizability --------------------------------------------------------------------------------- */

enum { RLOCK, RUNLOCK, LOCK, UNLOCK, TRYLOCK };

/* Readers inside, 100 for a writer. */
static void nobody(void *state)
{
	*(uint64_t *)state = 0;
}

static bool apply(void *state, const struct lin_op *op)
{
	uint64_t *in = state;

	switch (op->op) {
	case RLOCK:
		if (*in >= 100)
			return false;
		++*in;
		return true;
	case RUNLOCK:
		if (*in == 0 || *in >= 100)
			return false;
		--*in;
		return true;
	case UNLOCK:
		if (*in != 100)
			return false;
		*in = 0;
		return true;
	case TRYLOCK:
		if (op->returned && !op->ret[0])
			return true; /* it may fail while a reader is on its way out or in */
		/* fall through */
	default:
		if (*in)
			return false;
		*in = 100;
		return true;
	}
}

static const struct lin_spec spec = {sizeof(uint64_t), nobody, apply, NULL};
static struct lin history;

static bool do_op(int what)
{
	struct lin_op *op = lin_call(&history, what, 0, 0);
	bool got = true;

	switch (what) {
	case RLOCK:
		wend_rwmutex_rlock(&rw);
		break;
	case RUNLOCK:
		wend_rwmutex_runlock(&rw);
		break;
	case LOCK:
		wend_rwmutex_lock(&rw);
		break;
	case UNLOCK:
		wend_rwmutex_unlock(&rw);
		break;
	default:
		got = wend_rwmutex_trylock(&rw);
	}
	lin_return(op, got, 0);
	return got;
}

static void reads(void *unused)
{
	do_op(RLOCK);
	do_op(RUNLOCK);
	do_op(RLOCK);
	do_op(RUNLOCK);
}

static void writes_and_tries(void *unused)
{
	do_op(LOCK);
	do_op(UNLOCK);
	if (do_op(TRYLOCK))
		do_op(UNLOCK);
}

MODEL_TEST(histories_are_those_of_an_rwmutex, .leaks = true)
{
	begin(3, 0, true);
	lin_reset(&history);
	co_go(reads, NULL);
	co_go(writes_and_tries, NULL);
	reads(NULL);
	threads_join();
	lin_require(&history, &spec);
	wend_rwmutex_free(&rw);
}
