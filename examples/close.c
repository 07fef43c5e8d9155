/* SPDX-License-Identifier: MIT
 *
 * close - what a closed channel gives, and what it refuses.
 *
 * usage: close [send | twice | nil | unclosed] */
#include <stdio.h>
#include <string.h>
#include <wend/wend.h>

WEND_CHAN_TYPE(ints, int);

static ints *with_one(void)
{
	ints *c = ints_make(10);

	if (c)
		ints_send(c, 1);
	return c;
}

static void receive_all(ints *c)
{
	WEND_CHAN_RANGE(c, int, v)
		printf("receive %d\n", v);
}

/* Range ends with the values that were sent before close; a plain receive says that there are no more. */
static void closed(void)
{
	ints *c = with_one();
	int v;

	ints_close(c);
	receive_all(c);
	printf("\n==================\n");
	ints_release(c);

	c = with_one();
	ints_close(c);
	if (ints_recv(c, &v))
		printf("receive %d\n", v);
	if (!ints_recv(c, &v))
		printf("channel has been closed, receive %d\n", v);
	ints_release(c);
}

/* What must not be done: each panics. */
static void misuse(const char *mode)
{
	ints *c = strcmp(mode, "nil") == 0 ? NULL : with_one();

	ints_close(c);
	if (strcmp(mode, "send") == 0)
		ints_send(c, 2);
	else
		ints_close(c);
}

WEND_MAIN(argc, argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	if (argc == 1) {
		closed();
	} else if (argc == 2 && strcmp(mode, "unclosed") == 0) {
		receive_all(with_one()); /* waits for a close that never comes */
	} else if (argc == 2 && (!strcmp(mode, "send") || !strcmp(mode, "twice") || !strcmp(mode, "nil"))) {
		misuse(mode);
	} else {
		fprintf(stderr, "usage: close [send | twice | nil | unclosed]\n");
		return 64;
	}
	return fflush(stdout) || ferror(stdout); /* lost output is a failure */
}
