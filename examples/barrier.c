/* SPDX-License-Identifier: MIT
 *
 * barrier - five coroutines wait until four others are done. Two channels of signals, elements without
 * size: one on which each of the four reports, one whose close starts all five. */
#include <stdio.h>
#include <stdlib.h>
#include <wend/wend.h>

enum { UPSTREAM = 4, DOWNSTREAM = 5 };

static wend_chan *done, *start;
static wend_waitgroup over;

static void upstream(void *unused)
{
	(void)unused;
	printf("upstream done\n");
	wend_chan_send(done, NULL);
}

static void downstream(void *unused)
{
	(void)unused;
	wend_chan_recv(start, NULL);
	printf("downstream starts\n");
	wend_waitgroup_done(&over);
}

static void go(void (*fn)(void *))
{
	if (wend_go(fn, NULL) != 0) {
		fprintf(stderr, "no memory for a coroutine\n");
		exit(1);
	}
}

WEND_MAIN(argc, argv)
{
	if (argc != 1) {
		fprintf(stderr, "usage: %s\n", argv[0]);
		return 64;
	}
	done = wend_chan_make(0, UPSTREAM);
	start = wend_chan_make(0, 0);
	if (!done || !start)
		return 1;
	wend_waitgroup_add(&over, DOWNSTREAM);
	for (int i = 0; i < DOWNSTREAM; i++)
		go(downstream);
	for (int i = 0; i < UPSTREAM; i++)
		go(upstream);

	for (int i = 0; i < UPSTREAM; i++)
		wend_chan_recv(done, NULL);
	wend_chan_close(start);
	wend_waitgroup_wait(&over);

	wend_chan_release(done);
	wend_chan_release(start);
	return fflush(stdout) || ferror(stdout); /* lost output is a failure */
}
