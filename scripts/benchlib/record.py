# SPDX-License-Identifier: MIT
"""A run as it is kept: what scripts/bench left, without what nobody reads again, and figures to as many digits
as are known. Reports are drawn from it and from nothing else, so that one of a run that was kept shows the
same as one of the last run."""
from . import fingerprint, run, stats

RUN = "wend-run-1"
DIGITS = 4              # figures are not known better than that
# What a row has unless it says otherwise.
USUAL = {"placement": "same-cpu", "clock": "wall", "model": "closed", "pinned": "yes"}


class Unfit(Exception):
    """Why a run cannot be saved."""


def rounded(v):
    """To DIGITS significant digits; whole numbers without a point."""
    if not isinstance(v, float):
        return v
    v = float("%.*g" % (DIGITS, v))
    return int(v) if v == int(v) and abs(v) < 1e15 else v


def trimmed(v):
    if isinstance(v, dict):
        return {k: trimmed(x) for k, x in v.items()}
    if isinstance(v, (list, tuple)):
        return [trimmed(x) for x in v]
    return rounded(v)


def _series(rounds, key):
    """Values by round, null where a round has none; nothing at all if no round has any."""
    if not any(isinstance(d.get(key), (int, float)) for d in rounds.values()):
        return None
    last = max(int(n) for n in rounds)
    return [rounded(rounds.get(str(n), {}).get(key)) for n in range(1, last + 1)]


def _middle(objects):
    """The median of each number that objects of several rounds have under the same key."""
    out = {}
    for key in dict.fromkeys(k for o in objects for k in o):
        values = [o[key] for o in objects if isinstance(o.get(key), (int, float))]
        if values and 2 * len(values) > len(objects):
            out[key] = rounded(float(stats.median(values)))
    return out


def merged(histograms):
    """[[least value, how many]] of all rounds together."""
    sums = {}
    for h in histograms:
        for value, n in h:
            sums[value] = sums.get(value, 0) + n
    return [[v, sums[v]] for v in sorted(sums)]


def _row(row):
    rounds = {n: d for n, d in row["rounds"].items() if d.get("status", "ok") == "ok"}
    if row["status"] != "ok":
        return {"name": row["name"], "status": row["status"], "reason": row["reason"]}
    out, definition = {"name": row["name"]}, row["definition"]
    for key in ("placement", "clock", "model", "baseline", "label", "pinned"):
        value = next((d[key] for d in rounds.values() if d.get(key) is not None), definition.get(key))
        if value is not None and value != USUAL.get(key):
            out[key] = value
    out["ns"] = _series(rounds, "ns_per_op")
    rate = _middle([{"ops_per_s": d.get("ops_per_s")} for d in rounds.values()]).get("ops_per_s")
    if rate and abs(rate * stats.median([d["ns_per_op"] for d in rounds.values()]) / 1e9 - 1) > 0.02:
        out["ops_per_s"] = rate
    counters = _middle([d.get("counters") or {} for d in rounds.values()])
    if counters:
        out["counters"] = counters
    lats = [d["lat"] for d in rounds.values() if d.get("lat")]
    if lats:
        out["lat"] = _middle(lats)
        out["lat"]["n"] = sum(x["n"] for x in lats)
        hist = merged(x.get("hist", []) for x in lats)
        if hist:
            out["lat"]["hist"] = hist
    if row.get("instructions") is not None:
        out["instructions"] = rounded(row["instructions"])
    return out


def _bar(judged):
    """A judged bar without what a reader does not see."""
    return {k: v for k, v in judged.items()
            if k in ("says", "number", "unit", "bar", "value", "interval", "word", "reason") and v is not None}


def of(raw):
    """The record of what scripts/bench left in results/raw. Raises Unfit if another version left it."""
    try:
        return _record(raw)
    except KeyError as e:
        raise Unfit("it lacks %s: another version measured it; `make bench` again" % e) from None


def _record(raw):
    facts, build = raw["machine"], raw["build"]
    hard = fingerprint.hard(facts, build)
    told = {k: v for k, v in build.items() if k.startswith(("switch_", "thread_")) or
            k in ("cores_allowed", "wend_num_cpu")}
    return {"schema": RUN, "fingerprint": fingerprint.name(hard),
            "started": raw["run"]["started"], "seconds": rounded(float(raw["run"]["seconds"])),
            "rounds": raw["run"]["rounds_begun"], "interrupted": raw["run"]["interrupted"],
            "commit": facts["git"], "load": rounded(float(facts["load"][0])),
            "settings": {"full": raw["plan"]["full"], "procs": raw["plan"]["procs"],
                         "filter": raw["plan"]["filter"]},
            "hard": hard, "soft": fingerprint.soft(facts), "build": fingerprint.build_of(build),
            "facts": told, "warnings": raw["warnings"], "missing": raw["missing"],
            "claims": trimmed(raw["claims"]), "bars": trimmed([_bar(b) for b in raw["bars"]]),
            "rows": [_row(r) for r in raw["rows"]]}


def fit(rec):
    """Raises Unfit if a run tells too little to be kept."""
    if rec["interrupted"]:
        raise Unfit("it was interrupted; let `make bench` come to its end")
    if rec["settings"]["filter"]:
        raise Unfit("it was measured under FILTER=%s; only whole runs can be compared later"
                    % rec["settings"]["filter"])
    failed = [r["name"] for r in rec["rows"] if r.get("status") == "fail"]
    if failed:
        raise Unfit("rows failed: " + ", ".join(failed))
    lost = sum(r.get("status") == "not reached" for r in rec["rows"])
    if lost:
        raise Unfit("%d rows were not reached in the time: a quieter machine or BENCH=full would reach them"
                    % lost)
    if rec["hard"]["topology"] is None:
        raise Unfit("the benchmark program did not tell the topology; build it anew")
    if not rec["commit"]:
        raise Unfit("it names no commit (git is missing, or this is no checkout)")
    if rec["commit"].endswith("-dirty"):
        raise Unfit("it was built from changed files (%s); commit them and measure again"
                    % rec["commit"])


class StoredRow:
    """A record's row with the methods of run.Row, so that ladder and claims read both."""

    def __init__(self, data):
        self.data = data
        self.name, self.status = data["name"], data.get("status", "ok")
        self.reason = data.get("reason")
        self.definition = {"baseline": data["baseline"]} if data.get("baseline") else {}
        self.instructions = data.get("instructions")
        self.rounds = {n: True for n, v in enumerate(data.get("ns") or []) if v is not None}

    def values(self, metric="ns_per_op"):
        if metric == "ns_per_op":
            return {n: v for n, v in enumerate(self.data.get("ns") or []) if v is not None}
        if metric == "ops_per_s" and metric not in self.data:
            return {n: 1e9 / v for n, v in self.values().items() if v}
        # Other numbers are kept as medians only: one value, and so no interval.
        parts = [run.find(self.data, m.strip()) for m in metric.split("+")]
        return {0: sum(parts)} if all(isinstance(p, (int, float)) for p in parts) else {}

    def fact(self, key, default=None):
        return self.data.get(key, USUAL.get(key, default))


def rows_of(rec):
    return {r["name"]: StoredRow(r) for r in rec["rows"]}


# ---- google-benchmark's form ---------------------------------------------------------------------

def gbench(raw, every_round=False):
    """What scripts/bench left, as google-benchmark writes it. Medians only for a chart, which would
    take each round for a benchmark of its own; every round, as a repetition, for compare.py."""
    facts, build = raw["machine"], raw["build"]
    context = {"date": raw["run"]["started"], "host_name": fingerprint.name(fingerprint.hard(facts, build)),
               "executable": "wend-bench", "num_cpus": len(facts["cpus_allowed"]),
               "mhz_per_cpu": 0, "cpu_scaling_enabled": False, "caches": [],
               "load_avg": list(facts["load"]),
               "library_build_type": "release" if build.get("build_type") == "Release" else "debug",
               "wend_commit": facts["git"], "wend_time": build.get("time_semantics")}
    out = []
    for family, row in enumerate(raw["rows"]):
        if row["status"] != "ok":
            continue
        rounds = [row["rounds"][n] for n in sorted(row["rounds"], key=int)]
        if not every_round:
            rounds = [{"wall_ns": stats.median([d["wall_ns"] for d in rounds if "wall_ns" in d]),
                       "cpu_ns": stats.median([d["cpu_ns"] for d in rounds if "cpu_ns" in d]),
                       "ns_per_op": stats.median([d["ns_per_op"] for d in rounds]),
                       "ops": stats.median([d["ops"] for d in rounds if "ops" in d])}]
        for i, d in enumerate(rounds):
            wall = d.get("wall_ns")
            out.append({"name": row["name"], "family_index": family,
                        "per_family_instance_index": 0, "run_name": row["name"],
                        "run_type": "iteration", "repetitions": len(rounds),
                        "repetition_index": i,
                        "threads": row["definition"].get("threads", 1),
                        "iterations": int(d.get("ops") or 0),
                        "real_time": wall if wall is not None else d["ns_per_op"],
                        "cpu_time": d["cpu_ns"] if d.get("cpu_ns") is not None else d["ns_per_op"],
                        "time_unit": "ns"})
    return {"context": context, "benchmarks": out}
