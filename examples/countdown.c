/* SPDX-License-Identifier: MIT
 *
 * countdown - counts down to the launch, a second a count, unless somebody presses Enter. Waiting for standard input
 * blocks a thread, not the others: wend_blocking.
 *
 * usage: countdown [N] */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <wend/wend.h>

WEND_CHAN_TYPE(ints, int);

static ints *counts;
static wend_chan *finish, *abort_launch; /* closed when it is time */

static void count_down(int from)
{
	wend_ticker *second = wend_ticker_make(WEND_SECOND);

	for (int i = from; second && i >= 1; i--) {
		ints_send(counts, i);
		wend_chan_recv(wend_ticker_chan(second), NULL);
	}
	wend_ticker_release(second);
	wend_chan_close(finish);
}

static int64_t read_byte(void *byte)
{
	return read(STDIN_FILENO, byte, 1);
}

static void wait_for_enter(void)
{
	char byte;

	wend_blocking(read_byte, &byte); /* or the end of input, or an error: nobody is there to abort it later */
	wend_chan_close(abort_launch);
}

WEND_MAIN(argc, argv)
{
	char *end = NULL;
	long n = argc > 1 ? strtol(argv[1], &end, 10) : 10;

	if (argc > 2 || (end && (end == argv[1] || *end)) || n < 1 || n > 1000000) {
		fprintf(stderr, "usage: countdown [N]    from N, at least 1 (default 10)\n");
		return 64;
	}
	setvbuf(stdout, NULL, _IOLBF, 0); /* each count when it is due, through a pipe, too */
	counts = ints_make(0);
	finish = wend_chan_make(0, 0);
	abort_launch = wend_chan_make(0, 0);
	if (!counts || !finish || !abort_launch || WEND_GO(count_down, (int)n) != 0 || WEND_GO(wait_for_enter) != 0) {
		fprintf(stderr, "countdown: out of memory\n");
		return 1;
	}
	for (;;) {
		int count;

		WEND_SELECT {
			WEND_RECV(counts, &count)
			{
				printf("%d\n", count);
			}
			WEND_RECV(finish)
			{
				printf("finish\n");
				return fflush(stdout) || ferror(stdout); /* lost output is a failure */
			}
			WEND_RECV(abort_launch)
			{
				printf("abort\n");
				return fflush(stdout) || ferror(stdout); /* lost output is a failure */
			}
		} WEND_SELECT_END
	}
}
