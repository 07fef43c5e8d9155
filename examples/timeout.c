/* SPDX-License-Identifier: MIT
 *
 * timeout - four ways to wait for a job of 500 ms no longer than 100 ms.
 *
 * usage: timeout [LIMIT_MS] */
#include <stdio.h>
#include <stdlib.h>
#include <wend/wend.h>

static int64_t limit = 100 * WEND_MILLISECOND;

static wend_chan *must(wend_chan *c)
{
	if (!c) {
		fprintf(stderr, "timeout: out of memory\n");
		exit(1);
	}
	return c;
}

/* The channel has room, so the job can end although nobody waits for it any longer. */
static void work(void *done)
{
	wend_sleep(500 * WEND_MILLISECOND);
	wend_chan_send(done, NULL);
	wend_chan_release(done);
}

static void ring(void *bell)
{
	wend_sleep(limit);
	wend_chan_send(bell, NULL);
	wend_chan_release(bell);
}

static void go(void (*fn)(void *), wend_chan *c)
{
	if (wend_go(fn, wend_chan_retain(c)) != 0) {
		fprintf(stderr, "timeout: no coroutine to be had\n");
		exit(1);
	}
}

/* Which comes first? */
static void wait_for(wend_chan *late)
{
	wend_chan *done = must(wend_chan_make(0, 1));

	go(work, done);
	WEND_SELECT {
		WEND_RECV(done, NULL) {
			puts("work done");
		}
		WEND_RECV(late, NULL) {
			puts("work timeout");
		}
	} WEND_SELECT_END
	wend_chan_release(done);
}

static void by_a_helper(void)
{
	wend_chan *bell = must(wend_chan_make(0, 1));

	go(ring, bell);
	wait_for(bell);
	wend_chan_release(bell);
}

static void by_after(void)
{
	wend_chan *late = must(wend_after(limit));

	wait_for(late);
	wend_chan_release(late);
}

static void cancel(void *ctx)
{
	wend_sleep(limit);
	wend_ctx_cancel(ctx);
	wend_ctx_release(ctx);
}

static void by_hand(void)
{
	wend_ctx *ctx = wend_ctx_with_cancel(wend_ctx_background());

	if (!ctx || wend_go(cancel, wend_ctx_retain(ctx)) != 0)
		exit(1);
	wait_for(wend_ctx_done(ctx));
	wend_ctx_cancel(ctx);
	wend_ctx_release(ctx);
}

static void by_deadline(void)
{
	wend_ctx *ctx = wend_ctx_with_deadline(wend_ctx_background(), wend_deadline(limit));

	if (!ctx)
		exit(1);
	wait_for(wend_ctx_done(ctx));
	wend_ctx_cancel(ctx);
	wend_ctx_release(ctx);
}

WEND_MAIN(argc, argv)
{
	char *end;
	long ms = 100;

	if (argc == 2)
		ms = strtol(argv[1], &end, 10);
	if (argc > 2 || (argc == 2 && (*end || end == argv[1] || ms < 1 || ms > 3600000))) {
		fprintf(stderr, "usage: timeout [LIMIT_MS]\n");
		return 64;
	}
	limit = ms * WEND_MILLISECOND;
	by_a_helper();
	by_after();
	by_hand();
	by_deadline();
	return fflush(stdout) || ferror(stdout); /* lost output is a failure */
}
