/* SPDX-License-Identifier: MIT
 *
 * deadlock - a full channel is no harm while somebody comes to receive, or sleeps; when nobody can, ever, the program ends
 * with a report.
 *
 * usage: deadlock saved | dead [SECONDS] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wend/wend.h>

WEND_CHAN_TYPE(ints, int);

static ints *c;
static int64_t nap;

static void sleeps_and_receives(void *unused)
{
	int v;

	wend_sleep(nap);
	ints_recv(c, &v);
	printf("sub coroutine 1 over\n");
}

static void sleeps(void *unused)
{
	wend_sleep(nap);
	printf("sub coroutine 1 over\n");
}

/* Nobody receives any more. */
static void waits_for_ever(void *unused)
{
	ints_send(c, 3);
	printf("sub coroutine 2 over\n");
}

static void go(void (*fn)(void *))
{
	if (wend_go(fn, NULL) != 0) {
		fprintf(stderr, "deadlock: no memory for a coroutine\n");
		exit(1);
	}
}

static int usage(void)
{
	fprintf(stderr, "usage: deadlock saved | dead [SECONDS]    SECONDS from 0 to 1000000 (default 5)\n");
	return 64;
}

WEND_MAIN(argc, argv)
{
	char *end = NULL;
	double seconds = argc == 3 ? strtod(argv[2], &end) : 5;
	bool saved = argc > 1 && strcmp(argv[1], "saved") == 0;

	if (argc < 2 || argc > 3 || (!saved && strcmp(argv[1], "dead") != 0))
		return usage();
	if ((end && (end == argv[2] || *end)) || !(seconds >= 0 && seconds <= 1e6))
		return usage();
	nap = (int64_t)(seconds * WEND_SECOND);
	c = ints_make(1);
	if (!c)
		return 1;

	go(saved ? sleeps_and_receives : sleeps);
	ints_send(c, 1);
	ints_send(c, 2); /* full: waits until the child receives; mode dead: for ever */
	printf("send to channel in main coroutine\n");

	go(waits_for_ever);
	wend_sleep(nap);
	printf("main coroutine exit\n");
	return fflush(stdout) || ferror(stdout); /* lost output is a failure */
}
