# SPDX-License-Identifier: MIT
"""Runs a comparison: counts, then rounds of pairs, more of them where the verdict is open, and a second series
where it is bad. What it decides by is in gate.py."""
import concurrent.futures
import hashlib
import json
import os
import random
import shutil
import subprocess
import time

from . import counts, files, gate, pairs

EXACT = ("instructions", "syscalls", "allocations")  # the measures that are counted
RECOUNTS = 3   # of what went up, on each side, if they agree
MOST_RECOUNTS = 8  # if they do not: that all of nine lie above all of nine by chance happens once in 48620
SHARE = 0.6  # of the budget, for the first series; the rest is for second ones and for what stays open


class Row:
    """A row and everything that was measured of it."""

    def __init__(self, name, cls):
        self.name, self.cls = name, cls
        self.series = ([], [])   # rounds, each {metric: (base, head, change)}
        self.counted = []        # measures that are exact
        self.gone = None         # why it cannot be compared
        self.skipped = False

    def metrics(self):
        return [m for m in (self.series[0][0] if self.series[0] else {})]

    def judged(self, metric, raised, which=0):
        """(verdict, estimate, interval, floor) of one series."""
        have = [r[metric] for r in self.series[which] if metric in r]
        if metric in ("cpu", "wall"):
            floor = gate.floor_of(self.cls, metric, gate.median([b for b, _, _ in have]), raised)
        else:
            floor = gate.EVENT_FLOOR
        return (*gate.judge_series([c for _, _, c in have], floor), floor)

    def first(self, metric, raised):
        return self.judged(metric, raised)[0]

    def is_bad(self, raised):
        return any(self.first(m, raised) == gate.FAIL for m in self.metrics())

    def wants_first(self, raised):
        """Whether more rounds of the first series could decide something."""
        n = len(self.series[0])
        if self.gone or self.is_bad(raised):
            return False
        return n < gate.ROUNDS or (n < gate.MOST_ROUNDS and "cpu" in self.metrics() and
                                   self.first("cpu", raised) == gate.INCONCLUSIVE)

    def wants_second(self, raised):
        """Whether what the first series found bad is still to be confirmed."""
        n = len(self.series[1])
        if self.gone or not self.is_bad(raised) or n >= 2 * gate.ROUNDS:
            return False
        bad = [m for m in self.metrics() if self.first(m, raised) == gate.FAIL]
        return n < gate.ROUNDS or all(self.judged(m, raised, 1)[0] == gate.INCONCLUSIVE for m in bad)

    def measures(self, raised):
        """All of it, judged, as docs/regression-ci.md describes it."""
        out = list(self.counted)
        for metric in self.metrics():
            timed = metric in ("cpu", "wall")
            one = self.measure(metric, raised, 0, timed)
            one["confirmation"] = None
            if one["verdict"] == gate.FAIL:
                if self.series[1]:
                    one["confirmation"] = self.measure(metric, raised, 1, timed)
                second = one["confirmation"]["verdict"] if one["confirmation"] else gate.INCONCLUSIVE
                one["verdict"] = gate.confirmed(gate.FAIL, second)
            out.append(one)
        return out

    def measure(self, metric, raised, which, timed):
        have = [r[metric] for r in self.series[which] if metric in r]
        verdict, change, ci, floor = self.judged(metric, raised, which)
        return {"metric": metric, "unit": "ns" if timed else "per operation",
                "base": gate.median([b for b, _, _ in have]), "head": gate.median([h for _, h, _ in have]),
                "change": ratio(change) if timed else change,
                "interval": [ratio(x) if timed else x for x in ci] if ci else None,
                "floor": floor, "rounds": len(have), "verdict": verdict,
                "series": [round(c, 5) for _, _, c in have]}

    def result(self, raised):
        measures = self.measures(raised)
        verdict, why = gate.row_verdict(measures)
        return {"name": self.name, "class": self.cls, "verdict": verdict, "why": why,
                "flags": gate.flags_of(measures), "accepted": None, "measures": measures}


def ratio(log):
    """The change, as a part, of which this is the logarithm of one plus."""
    return 2.718281828459045 ** log - 1


# ---- Counts -------------------------------------------------------------------------------------

class Counter:
    """Counts of a program, kept beside it: the same program counts the same."""

    def __init__(self, folder, env):
        self.folder, self.env = folder, env

    def _path(self, program):
        with open(program, "rb") as f:
            return os.path.join(self.folder, hashlib.sha256(f.read()).hexdigest()[:16] + ".json")

    def all(self, program, names, jobs, tick):
        """{row: {metric: number}, or a text that says why not}."""
        path, known = self.folder and self._path(program), {}
        try:
            if path:
                with open(path, encoding="utf-8") as f:
                    known = json.load(f)
        except (OSError, ValueError):
            pass
        todo = [n for n in names if n not in known]
        try:
            with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
                for name, got in zip(todo, pool.map(lambda n: self.one(program, n), todo)):
                    known[name] = got
                    tick(name)
        finally:
            if path:  # after Ctrl-C, too: what was counted need not be counted again
                os.makedirs(self.folder, exist_ok=True)
                counted_ones = {k: v for k, v in known.items() if isinstance(v, dict)}
                files.write(path, json.dumps(counted_ones, indent=1, sort_keys=True))
        return {n: known[n] for n in names}

    def one(self, program, name):
        try:
            return counts.per_operation(program, name, self.env)
        except subprocess.CalledProcessError as e:
            return "valgrind did not count it: the program %s" % pairs.ended(e.returncode)
        except subprocess.TimeoutExpired as e:
            return "valgrind did not count it within %g s" % e.timeout
        except OSError as e:
            return "valgrind did not count it: %s" % e


def counted(metric, base, head):
    verdict, floor = gate.judge_count(metric, base, head)
    return {"metric": metric, "unit": "per operation", "base": base, "head": head, "change": head - base,
            "interval": None, "floor": floor, "rounds": 1, "verdict": verdict, "confirmation": None}


def count_rows(rows, base, head, folder, env, notes, show):
    """Sets the exact measures of all rows of one P. What goes up is counted again, from the start. folder: where
    counts are kept, None: nowhere."""
    names = [r.name for r in rows if r.cls == "one"]
    if not names:
        return
    if not shutil.which("valgrind"):
        notes.append("valgrind is not installed: no counts of instructions, system calls and allocations "
                     "(`scripts/setup optional`)")
        return
    counter, jobs = Counter(folder, env), os.cpu_count() or 1
    got = {}
    for side, program in (("base", base), ("head", head)):
        done = []

        def tick(name, side=side, done=done):
            done.append(name)
            show("counting, %s: %d of %d  %s" % (side, len(done), len(names), name))
        got[side] = counter.all(program, names, jobs, tick)
    for row in (r for r in rows if r.cls == "one"):
        b, h = got["base"][row.name], got["head"][row.name]
        if isinstance(b, str) or isinstance(h, str):
            notes.append("%s: %s" % (row.name, b if isinstance(b, str) else h))
            continue
        row.counted = [counted(m, b[m], h[m]) for m in b]
        if any(m["verdict"] == gate.FAIL for m in row.counted):
            show("counting again: " + row.name)

            def again(row=row):
                with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
                    return list(pool.map(lambda p: counter.one(p, row.name), (base, head)))
            confirm(row.counted, again)


def confirm(measures, again):
    """Counts a row of which something went up anew: all of the head's must lie above all of the base's. A row whose
    count depends on a random seed has several, and is asked more often. again: counts both sides."""
    bad = [m for m in measures if m["verdict"] == gate.FAIL]
    base, head = ([{m["metric"]: m[side] for m in bad}] for side in ("base", "head"))
    for n in range(1, MOST_RECOUNTS + 1):
        fresh = again()
        if not all(isinstance(x, dict) for x in fresh):
            break  # valgrind said something else the first time; then nothing is confirmed
        base.append(fresh[0])
        head.append(fresh[1])
        for m in bad:
            metric = m["metric"]
            m["confirmation"] = counted(metric, max(b[metric] for b in base), min(h[metric] for h in head))
        agree = all(spread(side, m["metric"]) <= gate.JITTER for m in bad for side in (base, head))
        if all(m["confirmation"]["verdict"] != gate.FAIL for m in bad) or (n >= RECOUNTS and agree):
            break
    for m in bad:
        second = m["confirmation"]["verdict"] if m["confirmation"] else gate.INCONCLUSIVE
        m["verdict"] = gate.confirmed(gate.FAIL, second)


def spread(counts_of_side, metric):
    values = [c[metric] for c in counts_of_side]
    return max(values) - min(values)


# ---- Rounds -------------------------------------------------------------------------------------

def measure(rows, base, head, env, budget, raised, show, many=pairs.PAIRS, slower=None, most=gate.MOST_ROUNDS,
            confirm=True, head_env=None):
    """Fills the series of the rows, for `budget` seconds at most. many: pairs a round, at most. For calibration:
    slower, {row: factor} by which the head overdoes; most, rounds of a row that stays undecided; confirm, whether
    bad ones are seen again; head_env, the environment of the head, where it differs."""
    rng, most_pairs = random.Random(), many
    start, sizes, spent = time.monotonic(), {}, []

    def left():
        return budget - (time.monotonic() - start)

    def one(row, which):
        began = time.monotonic()
        try:
            row.series[which].append(pairs.one_round(row.name, base, head, env, rng, sizes, many,
                                                     (slower or {}).get(row.name, 1.0), head_env))
        except pairs.Gone as e:
            row.gone, row.skipped = str(e), e.skipped
        spent.append(time.monotonic() - began)

    def sweep(todo, which, text):
        rng.shuffle(todo)
        for n, row in enumerate(todo):
            if left() < (max(spent[-20:]) if spent else 0):
                return
            show("%s  %3.0f s left  %d of %d  %s" % (text, left(), n + 1, len(todo), row.name))
            one(row, which)

    for n in range(gate.ROUNDS):
        sweep([r for r in rows if not r.gone], 0, "round %2d of %d" % (n + 1, gate.ROUNDS))
        todo = (gate.ROUNDS - n - 1) * len([r for r in rows if not r.gone])
        if todo and spent:
            # Fewer pairs a round rather than fewer rounds: the round is what is repeated.
            pays = (SHARE * budget - (time.monotonic() - start)) / todo
            usual = sum(spent[-len(rows):]) / len(spent[-len(rows):])
            many = max(min(6, most_pairs), min(most_pairs, int(many * (pays - 0.1) / max(0.01, usual - 0.1))))
    while left() > 0:
        second = [r for r in rows if confirm and r.wants_second(raised)]
        first = [r for r in rows if r.wants_first(raised) and len(r.series[0]) < most]
        if second:
            sweep(second, 1, "confirming")
        elif first:
            sweep(first, 0, "still open")
        else:
            return
        if left() < max(spent[-20:]):
            return
