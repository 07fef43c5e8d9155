# SPDX-License-Identifier: MIT
"""Two processes, of the base and of the head, that take turns: what a round of the gate measures.

The protocol is bench/serve.h's: a line with a number of operations in, a line of JSON out."""
import glob
import json
import math
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

from . import gate

BURST_NS = 4.5e6
PAIRS = 30
TIMEOUT = 30.0
COPY = "round-"


class Gone(Exception):
    """The row skipped itself, failed or died; the text says why."""

    def __init__(self, why, skipped=False):
        super().__init__(why)
        self.skipped = skipped


def copied(program):
    """A copy of the program beside it. All processes of a file share the memory that the kernel keeps it in, and
    with it whatever luck that memory brings: a build may differ from its twin by a third for minutes."""
    fd, path = tempfile.mkstemp(prefix=COPY, dir=os.path.dirname(program))
    os.close(fd)
    shutil.copy(program, path)
    return path


def sweep(*programs):
    """Removes what is left of copies: by a comparison that was interrupted, now or once."""
    for program in programs:
        for path in glob.glob(os.path.join(glob.escape(os.path.dirname(program)), COPY + "*")):
            os.unlink(path)


def ended(status):
    """How a process ended, in words."""
    if status >= 0:
        return "ended with status %d" % status
    try:
        return "died of %s" % signal.Signals(-status).name
    except ValueError:
        return "died of signal %d" % -status


class Served:
    """A process of one row that does operations on demand, from a file of its own. side: whose it is, for people."""

    def __init__(self, program, row, env, padding, slower=1.0, side="its"):
        self.side = side
        self.file = copied(program)
        command = [self.file, "--bench_serve", "--bench_row=" + row]
        if slower != 1.0:
            command.append("--bench_slower=%g" % slower)
        self.rest = b""
        try:
            self.process = subprocess.Popen(command, env=dict(env, BENCH_PADDING="x" * padding), stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
        except OSError:
            os.unlink(self.file)
            raise

    def line(self):
        """The next object that it writes."""
        end = time.monotonic() + TIMEOUT
        fd = self.process.stdout.fileno()
        while True:
            head, newline, tail = self.rest.partition(b"\n")
            if newline:
                self.rest = tail
                if head.startswith(b"{"):
                    return json.loads(head)
                continue
            left = end - time.monotonic()
            if left <= 0 or not select.select([fd], [], [], left)[0]:
                raise Gone("%s process gave no answer within %g s" % (self.side, TIMEOUT))
            more = os.read(fd, 65536)
            if not more:
                raise Gone("%s process %s" % (self.side, ended(self.process.wait())))
            self.rest += more

    def wait_ready(self):
        said = self.line()
        if "ready" not in said:
            raise Gone(said.get("reason", "no reason given"), said.get("status") == "skip")

    def ask(self, ops):
        try:
            self.process.stdin.write(b"%d\n" % ops)
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        said = self.line()
        if "wall_ns" not in said:
            raise Gone(said.get("reason", "no reason given"), said.get("status") == "skip")
        return said

    def close(self):
        """Lets it end, or ends it."""
        try:
            self.process.stdin.close()
            self.process.wait(timeout=5)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        os.unlink(self.file)


def took(side, ops):
    """How long a burst takes when nobody disturbs it: the least of three. CPU time, because wall clock grows on a
    busy machine, and what is short is mostly its beginning and end; but a row may sleep more than it works."""
    return max(1, min(max(said["wall_ns"] / 4, said["cpu_ns"]) for said in (side.ask(ops) for _ in range(3))))


def sized(side, ops):
    """A number of operations that takes about as long as a burst should."""
    ns = took(side, ops)
    while ns < BURST_NS / 4:
        ops *= min(16, max(2, int(BURST_NS / ns / 2)))
        ns = took(side, ops)
    return max(1, int(ops * BURST_NS / ns))


def flat(said):
    """What a burst says of an operation, by metric."""
    ops = said["ops"]
    out = {"cpu": said["cpu_ns"] / ops, "wall": said["wall_ns"] / ops}
    out.update((name, count / ops) for name, count in said["events"].items())
    return out


def one_round(row, base, head, env, rng, sizes, pairs=PAIRS, slower=1.0, head_env=None):
    """{metric: (base, head, change)}: medians over the pairs; change is the median log ratio of times, else the
    difference. base, head: programs. sizes remembers operations a burst. head_env: of the head, where it differs.
    Raises Gone."""
    sides = {}
    try:
        for side in rng.sample(["base", "head"], 2):
            program, factor, its_env = (base, 1.0, env) if side == "base" else (head, slower, head_env or env)
            sides[side] = Served(program, row, its_env, rng.randrange(4096), factor, "the %s's" % side)
        for side in sides.values():
            side.wait_ready()
        if row not in sizes:
            sizes[row] = sized(sides["base"], 1)
        ops = sizes[row]
        for side in sides.values():
            side.ask(ops)  # the first one wakes memory and caches
        seen = []
        for _ in range(pairs):
            pair = {side: flat(sides[side].ask(ops)) for side in rng.sample(["base", "head"], 2)}
            seen.append((pair["base"], pair["head"]))
    finally:
        for side in sides.values():
            side.close()
    out = {}
    for metric in seen[0][0]:
        both = [(b[metric], h[metric]) for b, h in seen if metric in h]
        if metric in ("cpu", "wall"):
            changes = [math.log(h / b) for b, h in both if h > 0 and b > 0]
        else:
            changes = [h - b for b, h in both]
        if changes:
            out[metric] = (gate.median([b for b, _ in both]), gate.median([h for _, h in both]),
                           gate.median(changes))
    return out
