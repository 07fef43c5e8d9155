/* SPDX-License-Identifier: MIT
 *
 * tests/model/kernel.c - what the tested code asks of kernel and C library inside an execution: futex,
 * clock, sleep, threads, environment. Linked with
 * --wrap; outside they are the real ones. */
#include "model/engine.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <time.h>

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
int __real_clock_gettime(clockid_t id, struct timespec *out);
int __wrap_clock_gettime(clockid_t id, struct timespec *out);
int __real_nanosleep(const struct timespec *nap, struct timespec *left);
int __wrap_nanosleep(const struct timespec *nap, struct timespec *left);

long __wrap_syscall(long number, ...)
{
	va_list args;
	long a[6];

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (!model.running)
		return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (number != SYS_futex)
		model_stop("system call %ld is not modelled", number);

	const struct timespec *ts = (const struct timespec *)a[3];

	switch (a[1] & ~FUTEX_PRIVATE_FLAG) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
		if (ts && (a[1] & ~FUTEX_PRIVATE_FLAG) == FUTEX_WAIT)
			model_stop("a relative futex timeout is not modelled");
		return model_futex_wait((const void *)a[0], (uint32_t)a[2],
								ts ? ts->tv_sec * 1000000000 + ts->tv_nsec : INT64_MAX) ? 0 : -1;
	case FUTEX_WAKE:
		model_futex_wake((const void *)a[0], (int)a[2]);
		return 0;
	default:
		model_stop("futex operation %ld is not modelled", a[1]);
	}
}

int __wrap_clock_gettime(clockid_t id, struct timespec *out)
{
	if (!model.running)
		return __real_clock_gettime(id, out);

	int64_t now = model_clock();

	*out = (struct timespec){now / 1000000000, now % 1000000000};
	return 0;
}

/* Others go first. */
int __wrap_nanosleep(const struct timespec *nap, struct timespec *left)
{
	if (!model.running)
		return __real_nanosleep(nap, left);
	model.clock += (int64_t)nap->tv_sec * 1000000000 + nap->tv_nsec;
	wend__model_pause();
	return 0;
}

/* ---- Environment ------------------------------------------------------------------------------------ */

static const char *env_name, *env_text;

char *__real_getenv(const char *name);
char *__wrap_getenv(const char *name);

void model_setenv(const char *name, const char *text)
{
	env_name = name;
	env_text = text;
}

char *__wrap_getenv(const char *name)
{
	if (!model.running)
		return __real_getenv(name);
	return env_name && !strcmp(name, env_name) ? (char *)env_text : NULL;
}

/* ---- Threads ----------------------------------------------------------------------------------------- */

int __real_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg);
int __real_pthread_join(pthread_t t, void **result);
int __wrap_pthread_join(pthread_t t, void **result);
int __real_pthread_detach(pthread_t t);
int __wrap_pthread_detach(pthread_t t);
int __real_pthread_getattr_np(pthread_t t, pthread_attr_t *attr);
int __wrap_pthread_getattr_np(pthread_t t, pthread_attr_t *attr);
int __real_pthread_setname_np(pthread_t t, const char *name);
int __wrap_pthread_setname_np(pthread_t t, const char *name);

static struct {
	void *(*fn)(void *);
	void *arg;
} starts[THREADS];

static void start(void *arg)
{
	int i = (int)(intptr_t)arg;

	starts[i].fn(starts[i].arg);
}

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	if (!model.running)
		return __real_pthread_create(t, attr, fn, arg);

	int i = model.nthreads;

	starts[i % THREADS].fn = fn;
	starts[i % THREADS].arg = arg;
	*t = (pthread_t)i;
	model_thread("thread", start, (void *)(intptr_t)i, false);
	return 0;
}

int __wrap_pthread_join(pthread_t t, void **result)
{
	if (!model.running)
		return __real_pthread_join(t, result);
	model_join_thread((int)t);
	return 0;
}

int __wrap_pthread_detach(pthread_t t)
{
	return model.running ? 0 : __real_pthread_detach(t);
}

/* The stack's bounds, which only sanitizers want. */
int __wrap_pthread_getattr_np(pthread_t t, pthread_attr_t *attr)
{
	return model.running ? ENOENT : __real_pthread_getattr_np(t, attr);
}

int __wrap_pthread_setname_np(pthread_t t, const char *name)
{
	return model.running ? 0 : __real_pthread_setname_np(t, name);
}

/* ---- Values that belong to a thread -------------------------------------------------------------------- */

enum { KEYS = 8 };

int __real_pthread_key_create(pthread_key_t *key, void (*over)(void *));
int __wrap_pthread_key_create(pthread_key_t *key, void (*over)(void *));
void *__real_pthread_getspecific(pthread_key_t key);
void *__wrap_pthread_getspecific(pthread_key_t key);
int __real_pthread_setspecific(pthread_key_t key, const void *value);
int __wrap_pthread_setspecific(pthread_key_t key, const void *value);

/* Keys are made once for the process, values anew for each thread of an execution. */
static struct {
	pthread_key_t key;
	void (*over)(void *);
	const void *value[THREADS];
} keys[KEYS];
static int nkeys;

int __wrap_pthread_key_create(pthread_key_t *key, void (*over)(void *))
{
	int err = __real_pthread_key_create(key, model.running ? NULL : over);

	if (!model.running || err)
		return err;
	if (nkeys == KEYS)
		model_stop("more than %d keys", KEYS);
	keys[nkeys].key = *key;
	keys[nkeys++].over = over;
	return 0;
}

static const void **value(pthread_key_t key)
{
	for (int i = 0; i < nkeys; i++)
		if (keys[i].key == key)
			return &keys[i].value[model.cur->number];
	model_stop("a key that was made outside");
}

void *__wrap_pthread_getspecific(pthread_key_t key)
{
	return model.running ? (void *)*value(key) : __real_pthread_getspecific(key);
}

int __wrap_pthread_setspecific(pthread_key_t key, const void *v)
{
	if (!model.running)
		return __real_pthread_setspecific(key, v);
	*value(key) = v;
	return 0;
}

void kernel_thread_begins(const struct thread *t)
{
	for (int i = 0; i < nkeys; i++)
		keys[i].value[t->number] = NULL;
}

void kernel_thread_ends(const struct thread *t)
{
	for (int i = 0; i < nkeys; i++) {
		void *v = (void *)keys[i].value[t->number];

		keys[i].value[t->number] = NULL;
		if (v && keys[i].over)
			keys[i].over(v);
	}
}
