/* SPDX-License-Identifier: MIT */
#include "harness/child.h"
#include "harness/test.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { KEEP = 1 << 20 };

static struct child collect(pid_t pid, int out, int err, double seconds)
{
	struct child c = {.out = malloc(KEEP + 1), .err = malloc(KEEP + 1)};
	struct pollfd fds[2] = {{.fd = out, .events = POLLIN}, {.fd = err, .events = POLLIN}};
	double end = test_now() + seconds;
	int open_fds = 2, status;

	CHECK(c.out && c.err);
	while (open_fds) {
		double left = end - test_now();

		if (left <= 0) {
			c.timed_out = true;
			kill(pid, SIGKILL);
			break;
		}
		poll(fds, 2, (int)(left * 1000) + 1);
		for (int i = 0; i < 2; i++) {
			char spill[4096];
			char *buf = i ? c.err : c.out;
			size_t *len = i ? &c.err_len : &c.out_len;
			ssize_t n;

			if (fds[i].fd < 0 || !fds[i].revents)
				continue;
			n = *len < KEEP ? read(fds[i].fd, buf + *len, KEEP - *len)
							: read(fds[i].fd, spill, sizeof spill);
			if (n <= 0) {
				fds[i].fd = -1;
				open_fds--;
			} else if (*len < KEEP) {
				*len += (size_t)n;
			}
		}
	}
	/* Both pipes closed does not mean ended: keep to the time limit. */
	while (waitpid(pid, &status, c.timed_out ? 0 : WNOHANG) == 0) {
		if (test_now() > end) {
			c.timed_out = true;
			kill(pid, SIGKILL);
		}
		usleep(500);
	}
	close(out);
	close(err);
	c.out[c.out_len] = 0;
	c.err[c.err_len] = 0;
	c.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	c.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	return c;
}

static struct child start(void (*fn)(void *), void *arg, const char *const *argv,
						  const char *const *env, double seconds)
{
	int out[2], err[2];
	pid_t pid;

	CHECK(pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0);
	fflush(NULL);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(out[1], STDOUT_FILENO);
		dup2(err[1], STDERR_FILENO);
		if (fn) {
			fn(arg);
			fflush(NULL);
			_exit(0);
		}
		for (; env && *env; env++)
			putenv((char *)*env);
		execv(argv[0], (char *const *)argv);
		fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	close(out[1]);
	close(err[1]);
	return collect(pid, out[0], err[0], seconds);
}

struct child child_call(void (*fn)(void *), void *arg, double seconds)
{
	return start(fn, arg, NULL, NULL, seconds);
}

struct child child_exec(const char *const *argv, const char *const *env, double seconds)
{
	return start(NULL, NULL, argv, env, seconds);
}

void child_free(struct child *c)
{
	free(c->out);
	free(c->err);
	c->out = c->err = NULL;
}

void child_show(const struct child *c)
{
	test_note("stdout:\n%.1500s", c->out);
	test_note("stderr:\n%.2000s", c->err);
}
