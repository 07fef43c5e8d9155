/* SPDX-License-Identifier: MIT
 *
 * containers [plain] - what several coroutines may write at once without a lock: elements of an array, fields of a
 * structure, the concurrent map; and what they may not: a plain map. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wend/wend.h>

static wend_waitgroup wg;

static void check(int err)
{
	if (err) {
		fprintf(stderr, "containers: %s\n", strerror(-err));
		exit(1);
	}
}

static void line(void)
{
	puts("=======================");
}

/* ---- An array -------------------------------------------------------------------------------- */

static int slots[10];

static void write_slots(int from, int value)
{
	for (int i = from; i < 10; i += 2)
		slots[i] = value;
	wend_waitgroup_done(&wg);
}

/* ---- A structure ----------------------------------------------------------------------------- */

static struct {
	const char *name;
	int age;
} person;

static void write_name(const char *name)
{
	person.name = name;
	wend_waitgroup_done(&wg);
}

static void write_age(int age)
{
	person.age = age;
	wend_waitgroup_done(&wg);
}

/* ---- The concurrent map ---------------------------------------------------------------------- */

static wend_map map;

static void store(const char *value)
{
	check(wend_map_store(&map, WEND_WORD("key"), WEND_WORD(value)));
	wend_waitgroup_done(&wg);
}

/* ---- A plain map ----------------------------------------------------------------------------- */

static wend_plainmap plain;

static void write_until(time_t end)
{
	for (uint64_t i = 0; i % 1024 || time(NULL) < end; i++)
		check(wend_plainmap_store(&plain, i % 64, i));
	wend_waitgroup_done(&wg);
}

/* Two writers are noticed when they meet, which takes two P's. */
static int misuse_plain_map(void)
{
	time_t end = time(NULL) + 10;

	wend_waitgroup_add(&wg, 4);
	for (int i = 0; i < 4; i++)
		check(WEND_GO(write_until, end));
	wend_waitgroup_wait(&wg);
	fprintf(stderr, "containers: nothing was noticed in 10 s\n");
	return 1;
}

/* ---------------------------------------------------------------------------------------------- */

WEND_MAIN(argc, argv)
{
	const wend_map_config strings = {.keys = WEND_MAP_STRINGS};
	uint64_t value = 0;
	bool ok;

	if (argc == 2 && strcmp(argv[1], "plain") == 0)
		return misuse_plain_map();
	if (argc != 1) {
		fprintf(stderr, "usage: %s [plain]\n", argv[0]);
		return 64;
	}
	wend_waitgroup_add(&wg, 2);
	check(WEND_GO(write_slots, 0, 0));
	check(WEND_GO(write_slots, 1, 1));
	wend_waitgroup_wait(&wg);
	for (int i = 0; i < 10; i++)
		printf("%s%d", i ? " " : "[", slots[i]);
	puts("]");
	line();

	wend_waitgroup_add(&wg, 2);
	check(WEND_GO(write_name, "Fred"));
	check(WEND_GO(write_age, 20));
	wend_waitgroup_wait(&wg);
	printf("%s %d\n", person.name, person.age);
	line();

	check(wend_map_init(&map, &strings));
	wend_waitgroup_add(&wg, 2);
	check(WEND_GO(store, "v1"));
	check(WEND_GO(store, "v2"));
	wend_waitgroup_wait(&wg);
	ok = wend_map_load(&map, WEND_WORD("key"), &value);
	printf("%s %s\n", ok ? (const char *)(uintptr_t)value : "", ok ? "true" : "false");
	wend_map_free(&map);
	return fflush(stdout) || ferror(stdout); /* lost output is a failure */
}
