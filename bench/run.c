/* SPDX-License-Identifier: MIT */
#include "bench/host.h"
#include "bench/place.h"
#include "bench/run_priv.h"
#include "bench/serve.h"

#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static atm_u32 any_failed;

bool run_any_failed(void)
{
	return atm_load_acq(&any_failed) != 0;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t bench_now(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static uint64_t cpu_now(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static bool is_stopped(const struct run *r)
{
	return atm_load_acq(&r->stop) != 0;
}

/* Every thread has a phase of its own; a thread passes when all others have reached its phase. The
 * start is a few cache-line transfers apart, where a condition variable takes microseconds. */
static void barrier(struct bench *b)
{
	uint64_t mine = atm_load_rlx(&b->phase) + 1; /* rlx: written here only */
	bool crowded = host_cpus() < b->run->threads || b->in->def->placement == BENCH_SAME_CPU;

	atm_store_rel(&b->phase, mine);
	for (int i = 0; i < b->run->threads; i++) {
		const struct bench *other = b->run->here[i];

		for (unsigned spins = 0; atm_load_acq(&other->phase) < mine; spins++) {
			if (is_stopped(b->run))
				return;
			/* With fewer CPUs than threads the one awaited may need this CPU. */
			if (spins > 2000 || crowded)
				sched_yield();
			else
				atm_pause();
		}
	}
}

static void finish_clock(struct bench *b)
{
	b->end = bench_now();
	b->cpu_end = cpu_now();
	if (b->paused)
		bench_resume(b);
	b->stage = STAGE_DONE;
	if (b->in->def->flags & BENCH_MANUAL_TIME)
		engine_manual(b->engine, (double)b->manual_ns * 1e-9);
}

/* ---- Stopping early ------------------------------------------------------------------------- */

static void stop_run(struct bench *b, enum outcome_status status, const char *reason)
{
	struct outcome *out = &b->run->out;

	pthread_mutex_lock(&b->run->lock);
	/* The first reason stands, but a failure outranks a skip. */
	if (status > out->status) {
		free(out->reason);
		out->status = status;
		out->reason = strdup(reason);
	}
	pthread_mutex_unlock(&b->run->lock);
	atm_store_rel(&b->run->stop, 1);
}

static void stop_formatted(struct bench *b, enum outcome_status status, const char *fmt, va_list ap)
{
	char text[512];

	vsnprintf(text, sizeof text, fmt, ap);
	stop_run(b, status, text);
}

void bench_skip(bench *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	stop_formatted(b, OUTCOME_SKIPPED, fmt, ap);
	va_end(ap);
}

void bench_fail(bench *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	stop_formatted(b, OUTCOME_FAILED, fmt, ap);
	va_end(ap);
}

/* What google-benchmark shows; 1.7.1 knows errors only, so a skip is told by its first word. */
static void tell_stop(struct bench *b)
{
	const struct outcome *out = &b->run->out;
	char text[600];

	pthread_mutex_lock(&b->run->lock);
	snprintf(text, sizeof text, "%s: %s", out->status == OUTCOME_SKIPPED ? "SKIPPED" : "FAILED",
			 out->reason ? out->reason : "out of memory");
	pthread_mutex_unlock(&b->run->lock);
	engine_stop(b->engine, text);
}

/* Takes the thread through both of google-benchmark's barriers whatever the body did, so that the
 * others are not left waiting there. */
static void drain(struct bench *b)
{
	atm_store_rel(&b->phase, UINT64_MAX);
	if (b->drained)
		return;
	b->drained = true;
	if (b->stage == STAGE_RUNNING)
		finish_clock(b);
	tell_stop(b);
	engine_end(b->engine);
}

/* ---- The loop ------------------------------------------------------------------------------- */

/* The loop when bursts are asked for one by one: the time between them is nobody's. */
static uint64_t next_served(struct bench *b)
{
	if (b->stage == STAGE_FRESH) {
		engine_begin(b->engine, 1);
		b->stage = STAGE_RUNNING;
		b->cpu_start = cpu_now();
		b->start = bench_now();
	} else {
		uint64_t wall = bench_now() - b->burst_start, cpu = cpu_now() - b->burst_cpu;

		if (b->in->def->flags & BENCH_MANUAL_TIME)
			wall = b->manual_ns - b->burst_manual;
		b->completed += b->handed;
		serve_answer(wall, cpu);
	}
	b->handed = serve_take();
	if (b->handed == 0) {
		finish_clock(b);
		engine_end(b->engine);
		b->drained = true;
	}
	b->burst_manual = b->manual_ns;
	b->burst_cpu = cpu_now();
	b->burst_start = bench_now();
	return b->handed;
}

uint64_t bench_next(bench *b)
{
	if (b->stage == STAGE_DONE || is_stopped(b->run)) {
		if (b->stage != STAGE_DONE)
			drain(b);
		return 0;
	}
	if (serve_enabled())
		return next_served(b);
	if (b->stage == STAGE_FRESH) {
		/* All of google-benchmark's iterations in one go; batches are handed out here. */
		engine_begin(b->engine, b->iters);
		barrier(b);
		b->stage = STAGE_RUNNING;
		b->cpu_start = cpu_now();
		b->start = bench_now();
	} else {
		uint64_t now = bench_now();

		b->completed += b->handed;
		b->marks[b->nmarks++] = (struct mark){now, b->completed};
		if (b->completed >= b->iters) {
			finish_clock(b);
			b->end = now;
			engine_end(b->engine);
			b->drained = true;
			return 0;
		}
	}
	b->handed = b->iters - b->completed < b->batch ? b->iters - b->completed : b->batch;
	return b->handed;
}

void bench_pause(bench *b)
{
	if (b->stage != STAGE_RUNNING || b->paused)
		return;
	b->paused = b->was_paused = true;
	b->paused_at = bench_now();
	b->paused_cpu = cpu_now();
	engine_pause(b->engine);
}

void bench_resume(bench *b)
{
	if (!b->paused)
		return;
	engine_resume(b->engine);
	b->paused = false;
	b->paused_cpu_ns += cpu_now() - b->paused_cpu;
	b->paused_ns += bench_now() - b->paused_at;
}

void bench_sync(bench *b)
{
	bool timed = b->stage == STAGE_RUNNING && !b->paused;

	if (timed)
		bench_pause(b);
	barrier(b);
	if (timed)
		bench_resume(b);
}

/* ---- A run ---------------------------------------------------------------------------------- */

/* All threads come together at the start and again at the end of a run; these waits are not timed
 * and may be long (setup may create a million coroutines), so they sleep. */
static void gather_start(struct bench *b)
{
	struct run *r = b->run;
	const char *missing = host_missing(b->in->def->placement);

	pthread_mutex_lock(&r->lock);
	r->here[b->index] = b;
	r->arrived++;
	pthread_cond_broadcast(&r->cond);
	while (b->index ? !r->set_up : r->arrived != r->threads)
		pthread_cond_wait(&r->cond, &r->lock);
	pthread_mutex_unlock(&r->lock);
	if (b->index)
		return;
	if (missing)
		stop_run(b, OUTCOME_SKIPPED, missing);
	else if (b->in->def->setup)
		b->in->def->setup(b);
	getrusage(RUSAGE_SELF, &r->before);
	pthread_mutex_lock(&r->lock);
	r->set_up = true;
	pthread_cond_broadcast(&r->cond);
	pthread_mutex_unlock(&r->lock);
}

static void gather_end(struct bench *b)
{
	struct run *r = b->run;

	pthread_mutex_lock(&r->lock);
	r->gone++;
	pthread_cond_broadcast(&r->cond);
	while (b->index ? !r->over : r->gone != r->threads)
		pthread_cond_wait(&r->cond, &r->lock);
	pthread_mutex_unlock(&r->lock);
	if (b->index)
		return;
	run_merge(r);
	/* Where the placement cannot be had setup did not run either. */
	if (b->in->def->teardown && !host_missing(b->in->def->placement))
		b->in->def->teardown(b);
	pthread_mutex_lock(&r->lock);
	r->over = true;
	pthread_cond_broadcast(&r->cond);
	pthread_mutex_unlock(&r->lock);
}

/* The run that the threads of the instance share: the first of them makes it. NULL: no memory. */
static struct run *join(struct instance *in, int threads)
{
	struct run *r;

	pthread_mutex_lock(&in->lock);
	if (!in->current) {
		r = calloc(1, sizeof *r);
		if (r) {
			pthread_mutex_init(&r->lock, NULL);
			pthread_cond_init(&r->cond, NULL);
			r->threads = r->users = threads;
			r->here = calloc((size_t)threads, sizeof *r->here);
			in->current = r;
		}
	}
	r = in->current;
	pthread_mutex_unlock(&in->lock);
	return r && r->here ? r : NULL;
}

/* Thread 0 leaves the outcome with the instance; the last one out clears up. */
static void leave_run(struct instance *in, struct run *r, int index)
{
	struct outcome *more;
	bool last;

	pthread_mutex_lock(&in->lock);
	if (index == 0) {
		more = realloc(in->outcomes, (in->noutcomes + 1) * sizeof *more);
		if (more) {
			in->outcomes = more;
			more[in->noutcomes++] = r->out;
		} else {
			outcome_free(&r->out);
		}
		in->current = NULL;
	}
	last = --r->users == 0;
	pthread_mutex_unlock(&in->lock);
	if (last) {
		pthread_mutex_destroy(&r->lock);
		pthread_cond_destroy(&r->cond);
		free(r->here);
		free(r);
	}
}

static void show(struct bench *b)
{
	const struct outcome *out = &b->run->out;

	if (serve_enabled())
		serve_end(out);
	if (out->status == OUTCOME_OK)
		engine_show(b->engine, out);
	else
		tell_stop(b);
	if (out->status == OUTCOME_FAILED)
		atm_store_rel(&any_failed, 1);
	if (out->label)
		engine_label(b->engine, out->label);
}

void run_thread(struct instance *in, struct engine *e, int threads, int index, uint64_t iterations)
{
	struct run *r = join(in, threads);
	struct bench *b = aligned_alloc(128, sizeof *b);
	int cpu = place_cpu(host_map(), in->def->placement, index);

	if (!r || !b) {
		fputs("out of memory\n", stderr);
		abort(); /* the other threads would wait for this one for ever */
	}
	memset(b, 0, sizeof *b);
	b->in = in;
	b->run = r;
	b->engine = e;
	b->index = index;
	b->iters = iterations;
	b->batch = threads == 1 ? iterations : (iterations + RUN_BATCHES - 1) / RUN_BATCHES;
	b->items = 1;
	if (cpu >= 0)
		b->pin_error = place_bind(host_map(), cpu);
	gather_start(b);
	if (!is_stopped(r))
		in->def->run(b);
	if (b->stage != STAGE_DONE && !is_stopped(r))
		stop_run(b, OUTCOME_FAILED, "the body returned before bench_next gave 0");
	if (is_stopped(r))
		drain(b);
	atm_store_rel(&b->phase, UINT64_MAX);
	gather_end(b);
	if (index == 0)
		show(b);
	leave_run(in, r, index);
	if (cpu >= 0)
		place_bind(host_map(), -1);
	counts_free(&b->counts);
	free(b);
}
