# SPDX-License-Identifier: MIT
"""Runs rows: one process for each row and round, in random order within a round."""
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from . import stats

# Rounds that every row should get, and a slow one.
ENOUGH, SLOW_ENOUGH = 5, 3


class Row:
    """One row of the report and everything it measured."""

    def __init__(self, name, source, definition):
        self.name = name
        self.source = source
        self.definition = definition
        self.status = None          # ok, skip, fail; None: not run
        self.reason = None
        self.rounds = {}            # round number -> the row's JSON object
        self.seconds = []           # how long its processes took
        self.instructions = None    # per operation, if they were counted

    def values(self, metric="ns_per_op"):
        """{round: value}; metric is a path such as counters.bytes or lat.p50, or a sum of some."""
        out = {}
        for n, data in self.rounds.items():
            v = [find(data, m.strip()) for m in metric.split("+")]
            if all(isinstance(x, (int, float)) for x in v):
                out[n] = sum(v)
        return out

    def fact(self, key, default=None):
        for data in self.rounds.values():
            if data.get(key) is not None:
                return data[key]
        return self.definition.get(key, default)


def find(data, metric):
    """The value at a dotted path. Keys may have dots themselves (p99.9): the longest wins."""
    if not isinstance(data, dict):
        return None
    if metric in data:
        return data[metric]
    for i in range(len(metric) - 1, 0, -1):
        if metric[i] == "." and metric[:i] in data:
            return find(data[metric[:i]], metric[i + 1:])
    return None


class ShimSource:
    """A program made with bench/shim.cc; prefix goes before the names of its rows."""

    def __init__(self, program, prefix=""):
        self.program, self.prefix = program, prefix

    def list(self, env):
        out = subprocess.run([self.program, "--bench_list"], env=env, capture_output=True,
                             text=True, timeout=60, check=True).stdout
        rows = []
        for line in out.splitlines():
            d = json.loads(line)
            if self.prefix:
                # The same row of the program without a prefix is what it is to be compared with.
                d["baseline"] = d["name"]
            rows.append(Row(self.prefix + d["name"], self, d))
        return rows

    def command(self, row, scratch, min_time):
        return [self.program, "--bench_row=" + row.name[len(self.prefix):],
                "--bench_out=" + scratch, "--benchmark_min_time=%.4f" % min_time]

    def parse(self, scratch, stdout):
        with open(scratch, encoding="utf-8") as f:
            lines = f.read().splitlines()
        return json.loads(lines[-1]) if lines else None


class GoSource:
    """bench/peers/go, built; the same rows in Go."""

    def __init__(self, program, procs):
        self.program, self.procs = program, procs

    def list(self, env):
        out = subprocess.run([self.program, "-list", *self.flags()], env=env, capture_output=True, text=True,
                             timeout=60, check=True).stdout
        rows = []
        for name in out.split():
            rows.append(Row(name, self, {"name": name, "placement": "free", "clock": "wall"}))
        return rows

    def command(self, row, scratch, min_time):
        # The flag is the time of the last batch; finding its size takes about half as long again.
        return [self.program, "-rows", "^" + re.escape(row.name) + "$", "-json", "-target",
                "%.1f" % (min_time * 1400), *self.flags()]

    def flags(self):
        return ["-procs", str(self.procs)] if self.procs else []

    def parse(self, scratch, stdout):
        lines = [line for line in stdout.splitlines() if line.startswith("{")]
        if not lines:
            return None
        d = json.loads(lines[-1])
        d["counters"] = d.pop("extra", None) or {}
        d.setdefault("status", "ok")
        return d


def build_go(root, build, missing):
    """The Go peer's program, built where Go is; None with the reason added to missing."""
    folder = os.path.join(root, "bench", "peers", "go")
    if not os.path.exists(os.path.join(folder, "go.mod")):
        return None
    go = shutil.which("go") or (os.path.exists("/usr/local/go/bin/go") and "/usr/local/go/bin/go")
    if not go:
        missing.append("go: not found, so Go's own rows are missing")
        return None
    program = os.path.join(build, "bench", "wend-bench-go")
    env = dict(os.environ, GOFLAGS="-mod=mod", GOTOOLCHAIN="local", GOPROXY="off",
               CGO_ENABLED="0")
    env.setdefault("HOME", build)
    try:
        out = subprocess.run([go, "build", "-o", program, "."], cwd=folder, env=env,
                             capture_output=True, text=True, timeout=180, check=False)
    except (OSError, subprocess.SubprocessError) as e:
        missing.append("go: the build did not run: %s" % e)
        return None
    if out.returncode:
        missing.append("go: bench/peers/go does not build: " + out.stderr.strip().split("\n")[-1])
        return None
    return program


class Plan:
    """How long to measure, and how often."""

    def __init__(self, rows, full, budget=None, timeout=None, judged=()):
        """judged: names of the rows on which a verdict hangs; they get their rounds before others."""
        self.full = full
        self.judged = [r for name, r in rows.items() if name in judged]
        self.budget = budget or (1020 if full else 140)
        n = max(1, len(rows))
        self.rounds = max(ENOUGH, min(20 if full else 10, int(self.budget / (n * 0.35))))
        per_run = self.budget / (n * self.rounds)
        # google-benchmark spends about as much again on finding the number of iterations.
        self.min_time = min(1.0 if full else 0.25, max(0.01, (per_run - 0.03) / 2.2))
        self.timeout = timeout or (300 if full else 60)
        # A slow row may have this much of the budget; its rounds are fewer.
        self.share = 2 * self.budget / n
        # What is still missing of every row's least number of rounds may take a little more.
        self.limit = 1.1 * self.budget

    def least(self, row):
        """The rounds that a row gets unless the time is over: five, three if it is slow."""
        return SLOW_ENOUGH if row.seconds and max(row.seconds) > 1.5 * self.share else ENOUGH

    def adapt(self, rows, left):
        """After a round: shorter runs, if the time left does not pay the least rounds of all."""
        fixed = bendable = 0
        for r in rows:
            missing = self.least(r) - len(r.seconds)
            if not r.seconds or missing <= 0 or not self.wants(r, len(r.seconds)):
                continue
            cost = missing * stats.median(r.seconds)
            # Starting and ending a process takes its time, however short the row is.
            start = cost if r.definition.get("once") else min(cost, missing * 0.02)
            fixed += start
            bendable += cost - start
        if fixed + bendable > left and bendable:
            part = max(0.1, (left - fixed) / bendable)
            self.min_time = max(0.005, self.min_time * min(1.0, part))

    def wants(self, row, round_):
        """Whether a row that took so long is worth another round."""
        if row.status in ("skip", "fail"):
            return False
        if round_ < self.least(row) or not row.seconds:
            return True
        return sum(row.seconds) + max(row.seconds) <= self.share

    def reserved(self):
        """The time that the judged rows' least rounds will still take."""
        usual = 2.2 * self.min_time + 0.05
        return sum((self.least(r) - len(r.seconds)) *
                   (stats.median(r.seconds) if r.seconds else usual)
                   for r in self.judged if self.wants(r, len(r.seconds)) and
                   len(r.seconds) < self.least(r))

    def pays(self, row, round_, took):
        """Whether there is time for it, `took` seconds after the start."""
        first = row in self.judged
        if round_ == 0 and (first or not self.judged):
            return True
        guess = max(row.seconds) if row.seconds else 0
        return took + guess + (0 if first else self.reserved()) <= (
            self.limit if round_ < self.least(row) else self.budget)


def runnable():
    """How many threads of the machine run or could; None if the kernel does not tell."""
    try:
        with open("/proc/loadavg", encoding="ascii") as f:
            return int(f.read().split()[3].split("/")[0])
    except (OSError, ValueError, IndexError):
        return None


def settle(before, limit=5.0):
    """Waits, some seconds at most, until no more threads are runnable than `before`: the threads of a
    row that made many must not slow the next row down."""
    end = time.monotonic() + limit
    while before is not None and time.monotonic() < end:
        now = runnable()
        if now is None or now <= before + 1:
            return
        time.sleep(0.02)


def say(out, text):
    """A reader who has left (`make bench | head`) ends neither the measuring nor changes its outcome."""
    try:
        out.write(text)
        out.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


class Progress:
    """One line that is rewritten on a terminal; every tenth second a line elsewhere."""

    def __init__(self, total, budget, out=sys.stderr):
        self.total, self.budget, self.out = total, budget, out
        self.start = time.monotonic()
        self.done = 0
        self.tty = out.isatty()
        self.last = 0.0

    def show(self, row, round_, left):
        now = time.monotonic()
        elapsed = now - self.start
        text = "%3d of %d  round %d  %3.0f s, about %.0f s left  %s" % (
            self.done + 1, self.total, round_ + 1, elapsed, max(left, 0), row.name)
        if self.tty:
            width = shutil.get_terminal_size().columns - 1
            say(self.out, "\r\x1b[K" + text[:width])
        elif now - self.last >= 10 or not self.done:
            say(self.out, text + "\n")
            self.last = now

    def end(self):
        if self.tty:
            say(self.out, "\r\x1b[K")


def stop(process):
    """Ends a process and what it started. It leads a group of its own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def run_once(row, min_time, timeout, env, tmp):
    """One process. Returns the row's object, whatever happened."""
    scratch = os.path.join(tmp, "row.json")
    if os.path.exists(scratch):
        os.unlink(scratch)
    command = row.source.command(row, scratch, min_time)

    try:
        # Its own group, so that Ctrl-C is ours to pass on and a time-out ends all of it.
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True,
                                   stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                   start_new_session=True)
    except OSError as e:
        return {"status": "fail", "reason": "cannot start: %s" % e}
    try:
        stdout, stderr = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        stop(process)
        process.communicate()
        return {"status": "fail", "reason": "no end after %g s, killed" % timeout}
    except BaseException:
        stop(process)
        raise
    data = None
    try:
        data = row.source.parse(scratch, stdout)
    except (OSError, ValueError):
        pass
    # google-benchmark's warning about itself explains nothing.
    said = [x for x in stderr.strip().splitlines() if "Library was built as DEBUG" not in x]
    last = said[-1] if said else ""
    if process.returncode < 0:
        name = signal.Signals(-process.returncode).name
        return {"status": "fail", "reason": ("%s. %s" % (name, last)).strip()}
    if data is None:
        return {"status": "fail",
                "reason": ("exit status %d and no result. %s" % (process.returncode, last)).strip()}
    if process.returncode and data.get("status") == "ok":
        return {"status": "fail", "reason": "exit status %d. %s" % (process.returncode, last)}
    return data


def record(row, round_, data, seconds):
    row.seconds.append(seconds)
    if data["status"] == "ok":
        row.rounds[round_] = data
        if row.status is None:
            row.status = "ok"
    elif row.status != "fail":
        # A row that failed once has failed, whatever its other rounds did.
        row.status, row.reason = data["status"], data.get("reason", "no reason given")


def measure(rows, plan, env, progress=None, rng=None):
    """All rounds, as far as the budget goes. Returns (rounds begun, interrupted)."""
    rng = rng or random.Random()
    start = time.monotonic()
    progress = progress or Progress(len(rows) * plan.rounds, plan.budget)
    begun = 0
    with tempfile.TemporaryDirectory(prefix="wend-bench-") as tmp:
        try:
            for n in range(plan.rounds):
                if n:
                    plan.adapt(rows, plan.budget - (time.monotonic() - start))
                todo = [r for r in rows if plan.wants(r, n)]
                rng.shuffle(todo)
                # Stable: what makes hundreds of threads comes last, where nobody has to follow it.
                todo.sort(key=lambda r: bool(r.definition.get("crowd")))
                for i, row in enumerate(todo):
                    took = time.monotonic() - start
                    if not plan.pays(row, n, took):
                        progress.done += 1
                        continue
                    each = took / progress.done if progress.done else 0
                    left = min(plan.budget - took,
                               each * (len(todo) - i + (plan.rounds - n - 1) * len(todo)))
                    progress.show(row, n, left if each else plan.budget)
                    begun = n + 1
                    before, calm = time.monotonic(), runnable()
                    data = run_once(row, plan.min_time, plan.timeout, env, tmp)
                    record(row, n, data, time.monotonic() - before)
                    if row.definition.get("crowd"):
                        settle(calm)
                    progress.done += 1
        except KeyboardInterrupt:
            progress.end()
            return begun, True
    progress.end()
    return begun, False
