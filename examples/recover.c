/* SPDX-License-Identifier: MIT
 *
 * recover - a deferred function stops the panic of its function, whose caller goes on; outside a deferred call there
 * is nothing to recover; a panic in a deferred call replaces the first. */
#include <stdio.h>
#include <wend/wend.h>

static void report(void *unused)
{
	const char *text = wend_recover();

	(void)unused;
	if (text)
		printf("recovered: %s\n", text);
}

static void fails(void)
{
	WEND_DEFERS;
	wend_defer(report, NULL);
	wend_panic("my error");
}

static void fail_again(void *text)
{
	wend_panic(text);
}

static void fails_twice(void)
{
	WEND_DEFERS;
	wend_defer(report, NULL);
	wend_defer(fail_again, "second error");
	wend_panic("first error");
}

WEND_MAIN(argc, argv)
{
	if (argc != 1) {
		fprintf(stderr, "usage: %s\n", argv[0]);
		return 64;
	}
	fails();
	puts("caller goes on");
	if (!wend_recover())
		puts("outside a deferred call: nothing to recover");
	fails_twice();
	return fflush(stdout) || ferror(stdout); /* lost output is a failure */
}
