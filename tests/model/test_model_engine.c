/* SPDX-License-Identifier: MIT
 *
 * The checker itself: litmus tests with known outcomes under each memory mode, and planted mistakes of every
 * kind that it must find. */
#include "model/model.h"

static atm_u32 x, y;

/* Bodies start anew each time; statics that are atomic are put back by the checker. */

/* Explores and returns what was seen; the run itself must not fail. */
static uint64_t outcomes(void (*body)(void), unsigned memory)
{
	struct model_result r = {.quiet = true};

	CHECK_MSG(model_run("litmus", body, &(struct model_options){.memory = memory, .weight = 0.2}, &r), "%s",
			  r.message);
	CHECK_EQ(r.exhausted, INT32_MAX); /* small enough for all executions */
	return r.covered;
}

/* Explores a body that is wrong and returns how the checker says it. */
static struct model_result finds(void (*body)(void), const struct model_options *opt, const char *message)
{
	struct model_result r = {.quiet = true};

	CHECK_MSG(!model_run("planted", body, opt, &r), "not found: %s", message);
	CHECK_HAS(r.message, message);
	return r;
}

/* ---- Litmus tests: two threads store one word and load the other's -------------------------------- */

static int seen[2];

static void sb_left(void *fence)
{
	atm_store_rlx(&x, 1);
	if (fence)
		((void (*)(void))fence)();
	seen[0] = (int)atm_load_rlx(&y);
}

static void sb_right(void *fence)
{
	atm_store_rlx(&y, 1);
	if (fence)
		((void (*)(void))fence)();
	seen[1] = (int)atm_load_rlx(&x);
}

static void store_buffering(void *left, void *right)
{
	model_go(sb_left, left);
	model_go(sb_right, right);
	model_join();
	model_cover(seen[0] * 2 + seen[1]);
}

static void light(void)
{
	compiler_barrier();
}

static void sb_bare(void)
{
	store_buffering(NULL, NULL);
}

static void sb_fenced(void)
{
	store_buffering((void *)(uintptr_t)atm_fence_sc, (void *)(uintptr_t)atm_fence_sc);
}

static void sb_asym(void)
{
	store_buffering((void *)(uintptr_t)light, (void *)(uintptr_t)asym_heavy);
}

static void sb_half_fenced(void)
{
	store_buffering((void *)(uintptr_t)light, (void *)(uintptr_t)atm_fence_sc);
}

TEST(store_buffering_needs_a_fence_on_both_sides)
{
	for (unsigned memory = MODEL_TSO; memory <= MODEL_WEAK; memory++) {
		CHECK_EQ(outcomes(sb_bare, memory), 15);
		CHECK_EQ(outcomes(sb_half_fenced, memory), 15);
		CHECK_EQ(outcomes(sb_fenced, memory), 14);
		CHECK_EQ(outcomes(sb_asym, memory), 14);
	}
}

/* ---- Message passing: bit = flag seen * 2 + data seen ------------------------------------------------- */

static bool mp_rel, mp_acq;

static void mp_writer(void *arg)
{
	atm_store_rlx(&x, 1);
	if (mp_rel)
		atm_store_rel(&y, 1);
	else
		atm_store_rlx(&y, 1);
}

static void mp_reader(void *arg)
{
	seen[0] = (int)(mp_acq ? atm_load_acq(&y) : atm_load_rlx(&y));
	seen[1] = (int)atm_load_rlx(&x);
}

static void message_passing(void)
{
	model_go(mp_writer, NULL);
	model_go(mp_reader, NULL);
	model_join();
	model_cover(seen[0] * 2 + seen[1]);
}

TEST(message_passing_needs_release_and_acquire_where_memory_is_weak)
{
	for (int i = 0; i < 4; i++) {
		mp_rel = i & 1;
		mp_acq = i & 2;
		CHECK_EQ(outcomes(message_passing, MODEL_TSO), 11);
		CHECK_EQ(outcomes(message_passing, MODEL_WEAK), i == 3 ? 11 : 15);
	}
}

/* ---- Coherence: a thread never reads an older value of a word after a newer one ---------------------- */

static void co_writer(void *arg)
{
	atm_store_rlx(&x, 1);
	atm_store_rlx(&x, 2);
}

static void coherence(void)
{
	model_go(co_writer, NULL);
	uint32_t first = atm_load_rlx(&x), second = atm_load_rlx(&x);

	MODEL_CHECK(first <= second);
	model_cover((int)(first * 3 + second));
	model_join();
	MODEL_CHECK_EQ(atm_load_rlx(&x), 2);
}

TEST(a_word_does_not_go_back)
{
	for (unsigned memory = MODEL_TSO; memory <= MODEL_WEAK; memory++)
		CHECK_EQ(outcomes(coherence, memory), 1 << 0 | 1 << 1 | 1 << 2 | 1 << 4 | 1 << 5 | 1 << 8);
}

/* ---- Independent reads of independent writes: where memory is weak readers may disagree -------------- */

static int saw[4];

static void iriw_x(void *arg)
{
	atm_store_rel(&x, 1);
}

static void iriw_y(void *arg)
{
	atm_store_rel(&y, 1);
}

static void iriw_xy(void *arg)
{
	saw[0] = (int)atm_load_acq(&x);
	saw[1] = (int)atm_load_acq(&y);
}

static void iriw_yx(void *arg)
{
	saw[2] = (int)atm_load_acq(&y);
	saw[3] = (int)atm_load_acq(&x);
}

static void iriw(void)
{
	model_go(iriw_x, NULL);
	model_go(iriw_y, NULL);
	model_go(iriw_xy, NULL);
	model_go(iriw_yx, NULL);
	model_join();
	model_cover(saw[0] && !saw[1] && saw[2] && !saw[3]);
}

TEST(readers_agree_on_the_order_of_writes_under_tso_only)
{
	struct model_result r = {.quiet = true};

	CHECK(model_run("iriw", iriw, &(struct model_options){.memory = MODEL_TSO, .weight = 0.5}, &r));
	CHECK_EQ(r.covered, 1);
	CHECK(model_run("iriw", iriw, &(struct model_options){.memory = MODEL_WEAK, .weight = 0.5}, &r));
	CHECK_EQ(r.covered, 3);
}

/* ---- Read-modify-writes ---------------------------------------------------------------------------- */

static void add_twice(void *arg)
{
	atm_add_sc(&x, 1);
	atm_add_sc(&x, 1);
}

static void additions(void)
{
	model_go(add_twice, NULL);
	model_go(add_twice, NULL);
	model_join();
	MODEL_CHECK_EQ(atm_load_rlx(&x), 4);
}

static void add_own(void *arg)
{
	atm_add_own(&x, 1);
}

static void lost_update(void)
{
	model_go(add_own, NULL);
	model_go(add_own, NULL);
	model_join();
	MODEL_CHECK_EQ(atm_load_rlx(&x), 2);
}

TEST(additions_are_atomic_and_plain_ones_are_not)
{
	outcomes(additions, MODEL_TSO);
	outcomes(additions, MODEL_WEAK);
	finds(lost_update, &(struct model_options){.memory = MODEL_TSO}, "1 and 2");
	finds(lost_update, &(struct model_options){.memory = MODEL_WEAK}, "1 and 2");
}

/* A relaxed store may arrive behind a later one, and another thread's exchange slips in before it. */
static void late_writer(void *arg)
{
	atm_store_rlx(&x, 1);
	if (mp_rel)
		atm_store_rel(&y, 1);
	else
		atm_store_rlx(&y, 1);
}

static void late_store(void)
{
	model_go(late_writer, NULL);
	if (atm_load_acq(&y)) {
		uint32_t before = atm_add_sc(&x, 2);

		model_cover((int)before);
		MODEL_CHECK_EQ(atm_load_rlx(&x), before + 2);
	}
	model_join();
}

TEST(a_relaxed_store_may_come_after_an_exchange_that_saw_a_later_one)
{
	for (int i = 0; i < 2; i++) {
		mp_rel = i;
		CHECK_EQ(outcomes(late_store, MODEL_TSO), 2);
		if (mp_rel)
			CHECK_EQ(outcomes(late_store, MODEL_WEAK), 2);
		else
			finds(late_store, &(struct model_options){.memory = MODEL_WEAK}, "1 and 2");
	}
}

/* ---- Planted mistakes --------------------------------------------------------------------------------- */

static struct model_event never;

static void wait_for_nobody(void *arg)
{
	model_await(&never, 1);
}

static void stuck(void)
{
	model_go(wait_for_nobody, NULL);
	model_join();
}

/* Looks, then sleeps, and the waker comes in between: the lost wake-up. */
static void sleeper(void *arg)
{
	while (!atm_load_acq(&x))
		model_futex_wait(&y, 0, INT64_MAX);
}

static void waker(void *arg)
{
	atm_store_rel(&x, 1);
	model_futex_wake(&y, 1);
}

static void lost_wake_up(void)
{
	model_go(sleeper, NULL);
	model_go(waker, NULL);
	model_join();
}

static void good_waker(void *arg)
{
	atm_store_rel(&x, 1);
	atm_add_sc(&y, 1);
	model_futex_wake(&y, 1);
}

static void kept_wake_up(void)
{
	model_go(sleeper, NULL);
	model_go(good_waker, NULL);
	model_join();
}

TEST(a_lost_wake_up_is_a_deadlock)
{
	finds(stuck, &(struct model_options){0}, "deadlock");
	finds(lost_wake_up, &(struct model_options){.memory = MODEL_TSO}, "deadlock");
	finds(lost_wake_up, &(struct model_options){.memory = MODEL_WEAK}, "deadlock");
	outcomes(kept_wake_up, MODEL_TSO);
	outcomes(kept_wake_up, MODEL_WEAK);
}

static void spin(void *arg)
{
	while (!atm_load_rlx(&x))
		atm_pause();
}

static void spin_for_ever(void)
{
	model_go(spin, NULL);
	model_join();
}

static void spin_a_while(void)
{
	model_go(spin, NULL);
	atm_store_rlx(&x, 1);
	model_join();
}

static void spin_hard(void)
{
	while (!atm_load_rlx(&x))
		;
}

TEST(spinning_for_nothing_is_a_livelock)
{
	finds(spin_for_ever, &(struct model_options){0}, "livelock");
	finds(spin_hard, &(struct model_options){.steps = 1000}, "livelock");
	outcomes(spin_a_while, MODEL_TSO);
	outcomes(spin_a_while, MODEL_WEAK);
}

static atm_ptr shared;

static void use_it(void *arg)
{
	atm_u32 *p = atm_load_acq(&shared);

	if (p)
		atm_load_rlx(p);
}

static void freed_too_early(void)
{
	atm_u32 *p = malloc(sizeof *p);

	atm_store_rlx(p, 0);
	atm_store_rel(&shared, p);
	model_go(use_it, NULL);
	atm_xchg_sc(&shared, NULL);
	free(p);
	model_join();
}

static void freed_twice(void)
{
	atm_store_rlx(&shared, malloc(10)); /* out of the compiler's sight */
	free(atm_load_rlx(&shared));
	free(atm_load_rlx(&shared));
}

static void never_freed(void)
{
	CHECK(malloc(10));
}

static void crash(void)
{
	atm_u32 *p = (atm_u32 *)atm_load_rlx(&shared);

	p->wend__v = 1;
}

TEST(wrong_use_of_memory_is_found)
{
	finds(freed_too_early, &(struct model_options){0}, "use after free");
	finds(freed_twice, &(struct model_options){0}, "double free");
	finds(never_freed, &(struct model_options){0}, "leak");
	finds(crash, &(struct model_options){0}, "crashed");
}

/* ---- Plain accesses, as the library's own files report them ------------------------------------------ */

void __tsan_read4(void *p);
void __tsan_write4(void *p);

static uint32_t data;

static void write_data(void *arg)
{
	__tsan_write4(&data);
	data = 1;
	if (mp_rel)
		atm_store_rel(&y, 1);
	else
		atm_store_rlx(&y, 1);
}

static void plain_message(void)
{
	data = 0;
	model_go(write_data, NULL);
	if (mp_acq ? atm_load_acq(&y) : atm_load_rlx(&y)) {
		__tsan_read4(&data);
		MODEL_CHECK_EQ(data, 1);
		model_cover(0);
	}
	model_join();
}

TEST(a_plain_word_needs_release_and_acquire)
{
	for (int i = 0; i < 4; i++) {
		mp_rel = i & 1;
		mp_acq = i & 2;
		CHECK_EQ(outcomes(plain_message, MODEL_TSO), 1);
		if (i == 3)
			CHECK_EQ(outcomes(plain_message, MODEL_WEAK), 1);
		else
			finds(plain_message, &(struct model_options){.memory = MODEL_WEAK}, "data race");
	}
}

/* Who reads has ended, not been joined; who writes has written before, and that was in order. */
static void read_data(void *arg)
{
	while (!atm_load_acq(&x))
		atm_pause();
	__tsan_read4(&data);
	atm_store_rlx(&y, 1);
}

static void write_for_reader(void)
{
	model_go(read_data, NULL);
	__tsan_write4(&data);
	atm_store_rel(&x, 1);
}

static void write_again(void)
{
	write_for_reader();
	while (!atm_load_acq(&y))
		atm_pause();
	__tsan_write4(&data);
	model_join();
}

static void write_after_join(void)
{
	write_for_reader();
	model_join();
	__tsan_write4(&data);
}

TEST(a_plain_access_races_with_the_last_one_of_a_thread_that_has_ended)
{
	finds(write_again, &(struct model_options){.memory = MODEL_WEAK}, "data race");
	CHECK_EQ(outcomes(write_after_join, MODEL_WEAK), 0);
}

/* Fences order relaxed accesses, and what lies before and after them. */
static void write_fenced(void *arg)
{
	__tsan_write4(&data);
	atm_fence_sc();
	atm_store_rlx(&y, 1);
}

static void fenced_message(void)
{
	model_go(write_fenced, NULL);
	if (atm_load_rlx(&y)) {
		atm_fence_sc();
		__tsan_read4(&data);
		model_cover(0);
	}
	model_join();
}

static void read_freed(void)
{
	atm_store_rlx(&shared, malloc(4));
	free(atm_load_rlx(&shared));
	__tsan_read4(atm_load_rlx(&shared));
}

TEST(fences_order_plain_words_and_freed_ones_are_out_of_bounds)
{
	CHECK_EQ(outcomes(fenced_message, MODEL_WEAK), 1);
	finds(read_freed, &(struct model_options){.memory = MODEL_TSO}, "use after free");
}

/* ---- Choices, deadlines ---------------------------------------------------------------------------------- */

static void all_choices(void)
{
	model_cover((int)(model_choose(3) * 2 + model_choose(2)));
}

static void waits_with_deadline(void *arg)
{
	model_cover(model_futex_wait(&x, 0, model_clock() + 1000));
}

static void with_a_waker(void)
{
	model_go(waits_with_deadline, NULL);
	model_futex_wake(&x, 1);
	model_join();
}

TEST(choices_and_deadlines)
{
	struct model_result r = {.quiet = true};

	CHECK_EQ(outcomes(all_choices, MODEL_TSO), 63);
	CHECK_EQ(outcomes(with_a_waker, MODEL_TSO), 3);
	finds(with_a_waker, &(struct model_options){.timeouts = MODEL_NEVER}, "deadlock");
	CHECK(model_run("early", with_a_waker, &(struct model_options){.timeouts = MODEL_EARLY}, &r));
	CHECK_EQ(r.covered, 3);
}

/* A test that does not reach what it is about is in vain, and says so. */
TEST(an_outcome_that_never_happens_is_a_failure)
{
	finds(additions, &(struct model_options){.cover = 1}, "never happened");
}

TEST(what_was_not_exhausted_is_not_called_so)
{
	struct model_result r = {.quiet = true};

	CHECK(model_run("iriw", iriw, &(struct model_options){.bound = 1, .weight = 0.1}, &r));
	CHECK(r.exhausted < 8);
}
