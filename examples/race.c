/* SPDX-License-Identifier: MIT
 *
 * race - a thousand coroutines add one to a counter: without any care, atomically, and under a lock. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wend/wend.h>

enum { ADDERS = 1000 };

static wend_waitgroup wg;
static int n;
static wend_atomic_i32 atomic_n;
static wend_rwmutex mu;

static void add_plainly(void *unused)
{
	n++; /* a data race: read, add and write are three steps */
	wend_waitgroup_done(&wg);
}

static void add_atomically(void *unused)
{
	wend_atomic_i32_add(&atomic_n, 1);
	wend_waitgroup_done(&wg);
}

static void add_locked(void *unused)
{
	wend_rwmutex_lock(&mu);
	n++;
	wend_rwmutex_unlock(&mu);
	wend_waitgroup_done(&wg);
}

static void count(void (*add)(void *))
{
	n = 0;
	wend_atomic_i32_store(&atomic_n, 0);
	wend_waitgroup_add(&wg, ADDERS);
	for (int i = 0; i < ADDERS; i++) {
		int err = wend_go(add, NULL);

		if (err) {
			fprintf(stderr, "race: %s\n", strerror(-err));
			exit(1);
		}
	}
	wend_waitgroup_wait(&wg);
}

static void show(int result)
{
	printf("finally n=%d\n===========================\n", result);
}

WEND_MAIN(argc, argv)
{
	char *end = NULL;
	long runs = argc == 2 ? strtol(argv[1], &end, 10) : 0;
	int lost = 0;

	if (argc > 2 || (argc == 2 && (end == argv[1] || *end || runs < 1 || runs > 1000000))) {
		fprintf(stderr, "usage: %s [RUNS]\n", argv[0]);
		return 64;
	}
	if (runs == 0) {
		count(add_plainly);
		show(n);
		count(add_atomically);
		show(wend_atomic_i32_load(&atomic_n));
		count(add_locked);
		show(n);
	}
	for (long i = 0; i < runs; i++) {
		count(add_plainly);
		show(n);
		lost += n < ADDERS;
	}
	if (runs)
		printf("lost updates in %d of %ld runs\n", lost, runs);
	return fflush(stdout) || ferror(stdout); /* lost output is a failure */
}
