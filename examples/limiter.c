/* SPDX-License-Identifier: MIT
 *
 * limiter - ten thousand jobs, ten at a time: a buffered channel has as many places as jobs may run. A job's place is taken
 * before its coroutine is started, so there are never many coroutines; a ticker shows how many.
 *
 * usage: limiter [JOBS] */
#include <stdio.h>
#include <stdlib.h>
#include <wend/wend.h>

enum { AT_ONCE = 10 };

static wend_chan *places, *over;
static wend_waitgroup jobs_done, printer_done;
static wend_atomic_i32 running, most, finished;

static void job(void *unused)
{
	int32_t now = wend_atomic_i32_add(&running, 1), before = wend_atomic_i32_load(&most);

	while (now > before && !wend_atomic_i32_compare_and_swap(&most, before, now))
		before = wend_atomic_i32_load(&most);
	wend_sleep(100 * WEND_MILLISECOND);
	wend_atomic_i32_add(&running, -1);
	wend_atomic_i32_add(&finished, 1);

	wend_chan_recv(places, NULL);
	wend_waitgroup_done(&jobs_done);
}

static void go(void (*fn)(void *))
{
	if (wend_go(fn, NULL) != 0) {
		fprintf(stderr, "limiter: no memory for a coroutine\n");
		exit(1);
	}
}

static void run_limited(void (*fn)(void *))
{
	wend_chan_send(places, NULL);
	wend_waitgroup_add(&jobs_done, 1);
	go(fn);
}

static void print_every_second(void *second)
{
	wend_chan *ticks = wend_ticker_chan(second);

	for (bool more = true; more;) {
		WEND_SELECT {
			WEND_RECV(ticks)
			{
				printf("coroutines: %lld\n", (long long)wend_num_coroutines());
			}
			WEND_RECV(over)
			{
				more = false;
			}
		} WEND_SELECT_END
	}
	wend_waitgroup_done(&printer_done);
}

WEND_MAIN(argc, argv)
{
	char *end = NULL;
	long jobs = argc > 1 ? strtol(argv[1], &end, 10) : 10000;
	wend_ticker *second;

	if (argc > 2 || (end && (end == argv[1] || *end)) || jobs < 1 || jobs > 1000000000) {
		fprintf(stderr, "usage: limiter [JOBS]    at least 1 (default 10000)\n");
		return 64;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	places = wend_chan_make(0, AT_ONCE);
	over = wend_chan_make(0, 0);
	second = wend_ticker_make(WEND_SECOND);
	if (!places || !over || !second)
		return 1;
	wend_waitgroup_add(&printer_done, 1);
	if (wend_go(print_every_second, second) != 0)
		return 1;

	for (long i = 0; i < jobs; i++)
		run_limited(job);
	wend_waitgroup_wait(&jobs_done);

	wend_chan_close(over);
	wend_waitgroup_wait(&printer_done);
	printf("jobs: %d, most at once: %d\n", wend_atomic_i32_load(&finished), wend_atomic_i32_load(&most));
	wend_ticker_release(second);
	return fflush(stdout) || ferror(stdout); /* lost output is a failure */
}
