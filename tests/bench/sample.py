# SPDX-License-Identifier: MIT
"""A run as scripts/bench leaves it, of a machine that does not exist: every row of the ladder has
figures drawn from a seed. For tests of what is made of a run."""
import argparse
import copy
import functools
import importlib.machinery
import importlib.util
import os
import random
import zlib

from common import ROOT
from benchlib import bars, claims, ladder, report, run

TOPOLOGY = ("Machine(Package(L3:33554432(%s)),Package(L3:33554432(%s)))" % (
    (",".join(["L2:1048576(L1d:32768(L1i:32768(Core(PU,PU))))"] * 4),) * 2))
FACTS = {"cpu": "Example 9000 16-Core Processor at 3.00GHz", "cpu_ids": "Example 1 2 3",
         "microcode": "0x1", "arch": "x86_64", "cpus_online": 16,
         "cpus_allowed": list(range(16)), "quota": None, "kernel": "6.1.0", "virtualisation": "kvm",
         "container": False, "governor": None, "turbo": None, "smt": "on", "aslr": "2",
         "thp": "madvise", "clocksource": "tsc", "perf_counters": False,
         "memory_total": 64 * 2 ** 30, "memory_available": 60 * 2 ** 30, "load": [0.25, 0.5, 0.5],
         "git": "0123456789ab", "topology": "Machine (64GB total)", "python": "3.11.2"}
BUILD = {"compiler": "GNU 12.2.0", "flags": "-O2", "build_type": "Release", "gbench_version": "1.7.1",
         "time_semantics": "ns/op: time of one thread over its operations", "cpus_allowed": 16,
         "thread_registers": "68", "thread_registers_source": "as its headers tell",
         "thread_registers_note": "20 general ones", "switch_registers": "3",
         "switch_registers_source": "counted from the code", "switch_registers_note": "stores",
         "wend_atomics": "ck_pr", "wend_fence": "membarrier", "wend_guard": "madvise",
         "topology": TOPOLOGY}
# How much dearer than the library each kind of row is.
FACTOR = {"thread": 25, "go": 5, "boost": 3, "tbb": 1.6, "tbb_map": 1.4, "ck": 1.3, "ck_ht": 2,
          "urcu": 1.2, "urcu_lfht": 1.9, "nsync": 1.5, "pthread": 2, "malloc": 3}
COUNTERS = {"rss_bytes_each": 4120, "pte_bytes_each": 40, "machine_bytes_each": 4300,
            "created": 1000000, "room": 32000, "virtual_bytes_each": 65536, "seconds": 0.04,
            "rss_at_depth_bytes": 4210000, "rss_returned_bytes": 8200, "rss_ended_bytes": 4100,
            "rss_left_bytes": 90000, "rss_before_bytes": 3000000, "wake_and_end_ns_each": 40}
THREAD_COUNTERS = {"rss_bytes_each": 8570, "virtual_bytes_each": 8392704, "created": 2000,
                   "rss_returned_bytes": 4205000, "rss_ended_bytes": 4205000, "pte_bytes_each": 900,
                   "machine_bytes_each": 24000}


@functools.lru_cache(maxsize=None)
def script():
    """scripts/bench as a module."""
    loader = importlib.machinery.SourceFileLoader("bench_script", os.path.join(ROOT, "scripts", "bench"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_script", loader))
    loader.exec_module(module)
    return module


def histogram(rng, middle, n=2000):
    """(buckets as bench/outcome.c writes them, sorted samples) of waits with a long tail."""
    samples = sorted(rng.lognormvariate(0, 0.5) * middle * (1 if rng.random() < 0.99 else 30)
                     for _ in range(n))
    buckets = {}
    for s in samples:
        step = 2 ** max(0, int(s).bit_length() - 4)
        low = int(s) // step * step
        buckets[low] = buckets.get(low, 0) + 1
    return [[k, buckets[k]] for k in sorted(buckets)], samples


def fill(row, kind):
    rng = random.Random(zlib.crc32(row.name.encode()))
    base = rng.choice((3, 8, 12, 40, 90, 2500)) * FACTOR.get(kind, 1)
    two = "_p2" in row.name
    for n in range(5):
        ns = base * rng.uniform(0.97, 1.05)
        d = {"name": row.name, "status": "ok", "ns_per_op": ns, "wall_ns": ns, "cpu_ns": ns * 0.99,
             "ops": 1e6, "ops_per_s": 1e9 / ns * (1.8 if two else 1), "seconds": 0.1, "pinned": "yes",
             "counters": {}, "window": "whole"}
        if any(w in row.name for w in ("create", "claims/", "skynet")):
            wanted = dict(COUNTERS, **THREAD_COUNTERS) if kind == "thread" or "_thread" in row.name \
                else COUNTERS
            d["counters"] = {k: v * (1 if k == "created" else rng.uniform(0.99, 1.01))
                             for k, v in wanted.items()}
        if any(w in row.name for w in ("handover", "oversub", "hog", "jitter", "latency")):
            hist, samples = histogram(rng, base * 20)
            d["lat"] = {"n": len(samples), "mean": sum(samples) / len(samples), "hist": hist,
                        "max": int(samples[-1])}
            for q, name in ((0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9")):
                d["lat"][name] = samples[int(q * len(samples))]
        row.rounds[n] = d
    row.status, row.seconds = "ok", [0.1] * 5


def rows():
    out = {}
    names = sorted({n.replace("/*", "/100000") for n in ladder.all_rows({})} |
                   {"machine/clock", "machine/jitter", "machine/syscall", "extra/of_no_rung", "builtin/switch/inline_cross", "latency/open/0",
                    "latency/closed/0"})
    for name in names:
        kind = name.split("/")[0]
        where = "two-cpus" if "_p2" in name or "two_cores" in name else "same-cpu"
        d = {"name": name, "placement": where, "clock": "wall", "threads": 1, "model": "closed"}
        if name.startswith("builtin/"):
            d["baseline"] = name[len("builtin/"):]
        if name == "machine/jitter":
            d["model"] = "open@100000"
        out[name] = run.Row(name, None, d)
        fill(out[name], kind)
    lost = out["go/select_meet"]
    lost.status, lost.reason, lost.rounds = "skip", "needs two CPUs, one is allowed here", {}
    return out


@functools.lru_cache(maxsize=None)
def measured():
    """(rows, judged claims, judged bars), once for all tests of a process."""
    every, base = rows(), os.path.join(ROOT, "results")
    return (every, [claims.judge(c, every, BUILD, report.show)
                    for c in claims.load(os.path.join(base, "claims.json"))],
            bars.judge(bars.load(os.path.join(base, "bars.json")), every, BUILD))


def raw(speed=1.0, started="2026-01-02T03:04:05+00:00", commit="0123456789ab", **changes):
    """The object that scripts/bench would write; at another speed with the same verdicts."""
    every, judged, by_row = measured()
    facts, build = dict(FACTS, git=commit), dict(BUILD)
    for key, value in changes.items():
        (build if key in build else facts)[key] = value
    out = copy.deepcopy(script().result(
        argparse.Namespace(filter="", full=False, procs=0), facts, build,
        ["virtual machine (kvm): waking another CPU costs several times what bare metal takes"],
        ["boost: not found when this was built, so its rows are missing"], run.Plan(every, False),
        every, judged, by_row,
        {"started": started, "seconds": 140.0, "rounds_begun": 5, "interrupted": False}))
    for row in out["rows"]:
        for d in row["rounds"].values():
            d.update({k: d[k] * speed for k in ("ns_per_op", "wall_ns", "cpu_ns")})
            d["ops_per_s"] /= speed
    return out
