# SPDX-License-Identifier: MIT
"""results/: runs and calibrations by machine, small and deterministic.

    schema/v1.schema.json           what each file must look like
    machines/FP/machine.json        made from the newest run: hard and soft facts, topology, floor
    machines/FP/runs/*.json         one file for each run that was saved, a row of it on each line
    machines/FP/calibration/*.json  what the gate's false alarms and power were measured to be
    index.json                      made from all of these

A run is kept as this module's record of it, from which report and trend are drawn; what a report of
today's results/raw/latest.json shows goes through the same record."""
import json
import os
import re

from . import fingerprint, run, stats

RUN, MACHINE, INDEX = "wend-run-1", "wend-machine-1", "wend-index-1"
LIMIT = 128 * 1024      # bytes of a run, which git keeps for ever; a short run has about half of that
DIGITS = 4              # figures are not known better than that
# What a row has unless it says otherwise.
USUAL = {"placement": "same-cpu", "clock": "wall", "model": "closed", "pinned": "yes"}
# What the machine itself costs: nothing measured on it can be better.
FLOOR = (("locked add, alone", "atomics/xadd_private", "ns_per_op"),
         ("locked add, by two CPUs", "atomics/xadd_shared/threads:2", "ns_per_op"),
         ("reading the clock", "machine/clock", "ns_per_op"),
         ("entering the kernel", "machine/syscall", "ns_per_op"),
         ("first touch of a page", "create/first_touch", "ns_per_op"),
         ("thread hand-over, one CPU", "thread/handover_same_core", "ns_per_op"),
         ("thread hand-over, two CPUs", "thread/handover_two_cores", "ns_per_op"),
         ("a spinning thread is late, p50", "machine/jitter", "lat.p50"),
         ("a spinning thread is late, p99", "machine/jitter", "lat.p99"),
         ("a spinning thread is late, p99.9", "machine/jitter", "lat.p99.9"))


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


# ---- A run's record ------------------------------------------------------------------------------

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


def record(raw):
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


# ---- Files ---------------------------------------------------------------------------------------

def text_of(obj):
    """The one text of an object: keys in the order they were put in, each row, claim and machine on a
    line of its own, so that git shows what changed."""
    def flat(v):
        return json.dumps(v, ensure_ascii=False, separators=(",", ":"))

    lines = []
    for key, value in obj.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            inner = ",\n".join("  " + flat(x) for x in value)
            lines.append(" %s: [\n%s\n ]" % (json.dumps(key), inner))
        else:
            lines.append(" %s: %s" % (json.dumps(key), flat(value)))
    return "{\n" + ",\n".join(lines) + "\n}\n"


def read(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def write(path, obj):
    """Whole or not at all; untouched if nothing changed. Returns whether it changed."""
    text = text_of(obj)
    try:
        with open(path, encoding="utf-8") as f:
            if f.read() == text:
                return False
    except OSError:
        pass
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(text)
    os.replace(path + ".new", path)
    return True


def file_name(rec):
    """2026-11-27T2106-0631abc1.json: sorted by name is sorted by time."""
    stamp = re.sub(r":", "", rec["started"][:16])
    commit = re.sub(r"[^0-9A-Za-z.-]", "_", rec["commit"])[-20:]
    return "%s-%s.json" % (stamp, commit)


def machines_folder(results):
    return os.path.join(results, "machines")


def folder_of(results, fp):
    return os.path.join(machines_folder(results), fp)


def _json_files(folder):
    try:
        return sorted(f for f in os.listdir(folder) if f.endswith(".json"))
    except OSError:
        return []


def runs(results, fp):
    """[(file, record)] of a machine, oldest first."""
    folder = os.path.join(folder_of(results, fp), "runs")
    return [(f, read(os.path.join(folder, f))) for f in _json_files(folder)]


def calibrations(results, fp):
    """{file without .json: object}"""
    folder = os.path.join(folder_of(results, fp), "calibration")
    return {f[:-5]: read(os.path.join(folder, f)) for f in _json_files(folder)}


def fingerprints(results):
    try:
        return sorted(d for d in os.listdir(machines_folder(results))
                      if os.path.isdir(folder_of(results, d)))
    except OSError:
        return []


def floor(rec):
    rows = rows_of(rec)
    out = []
    for says, name, metric in FLOOR:
        row = rows.get(name)
        values = list(row.values(metric).values()) if row and row.status == "ok" else []
        if values:
            out.append({"says": says, "row": name, "metric": metric,
                        "ns": rounded(float(stats.median(values)))})
    return out


def machine(rec):
    """machine.json, from the newest run."""
    return {"schema": MACHINE, "fingerprint": rec["fingerprint"],
            "title": fingerprint.title(rec["hard"]), "hard": rec["hard"], "soft": rec["soft"],
            "build": rec["build"], "measured": rec["started"], "floor": floor(rec)}


def reindex(results):
    """Makes machine.json and index.json from what is there. Returns the files that changed."""
    changed, machines = [], []
    for fp in fingerprints(results):
        found = runs(results, fp)
        path = os.path.join(folder_of(results, fp), "machine.json")
        if found and write(path, machine(found[-1][1])):
            changed.append(path)
        known = [r["hard"] for _, r in found[-1:]] or [c["machine"]["hard"] for c in calibrations(results, fp).values()]
        machines.append({"fingerprint": fp, "title": fingerprint.title(known[0]) if known else None,
                         "runs": [{"file": f, "started": r["started"], "commit": r["commit"],
                                   "full": r["settings"]["full"]} for f, r in found],
                         "calibration": sorted(calibrations(results, fp))})
    path = os.path.join(results, "index.json")
    if write(path, {"schema": INDEX, "machines": machines}):
        changed.append(path)
    return changed


def save(results, rec):
    """Puts a run's record into its place. Returns its path."""
    fit(rec)
    size = len(text_of(rec).encode())
    if size > LIMIT:
        raise Unfit("its record has %d bytes, more than %d" % (size, LIMIT))
    path = os.path.join(folder_of(results, rec["fingerprint"]), "runs", file_name(rec))
    write(path, rec)
    return path


# ---- Checks --------------------------------------------------------------------------------------

def validator(results):
    """A function from object to its faults under the schema, or None without python3-jsonschema."""
    try:
        import jsonschema
    except ImportError:
        return None
    schema = read(os.path.join(results, "schema", "v1.schema.json"))
    jsonschema.Draft202012Validator.check_schema(schema)
    v = jsonschema.Draft202012Validator(schema)

    def faults(obj):
        kind = obj.get("schema") if isinstance(obj, dict) else None
        if kind not in schema["$defs"]:
            return ["schema is %r; known are %s" % (kind, ", ".join(
                sorted(k for k in schema["$defs"] if k.startswith("wend-"))))]
        # Against the one definition it claims: "none of six fits" would tell nobody what is wrong.
        one = v.evolve(schema=dict(schema, oneOf=[{"$ref": "#/$defs/" + kind}]))
        out = []
        for e in one.iter_errors(obj):
            for leaf in (e.context or [e]):
                where = "/".join(str(p) for p in leaf.absolute_path)
                out.append("%s: %s" % (where or "the file", leaf.message[:200]))
        return sorted(out)
    return faults


def check(results):
    """What is wrong with the folder, as lines of text."""
    out = []
    faults = validator(results)
    if faults is None:
        return ["python3-jsonschema is not installed: scripts/setup report"]

    def one(path):
        rel = os.path.relpath(path, results)
        try:
            obj = read(path)
        except (OSError, ValueError) as e:
            out.append("%s: %s" % (rel, e))
            return None
        found = faults(obj)
        out.extend("%s: %s" % (rel, f) for f in found)
        return None if found else obj

    for fp in fingerprints(results):
        folder = folder_of(results, fp)
        for f in _json_files(os.path.join(folder, "runs")):
            path = os.path.join(folder, "runs", f)
            obj = one(path)
            if obj is None:
                continue
            rel = os.path.relpath(path, results)
            if os.path.getsize(path) > LIMIT:
                out.append("%s: more than %d bytes" % (rel, LIMIT))
            if fingerprint.name(obj["hard"]) != obj["fingerprint"]:
                out.append("%s: its hard facts have the fingerprint %s, not %s"
                           % (rel, fingerprint.name(obj["hard"]), obj["fingerprint"]))
            if obj["fingerprint"] != fp:
                out.append("%s: belongs into machines/%s" % (rel, obj["fingerprint"]))
            if file_name(obj) != f:
                out.append("%s: its name should be %s" % (rel, file_name(obj)))
            with open(path, encoding="utf-8") as g:
                if g.read() != text_of(obj):
                    out.append("%s: not as it is written by scripts/results" % rel)
        for f in _json_files(os.path.join(folder, "calibration")):
            obj = one(os.path.join(folder, "calibration", f))
            if obj and {obj["fingerprint"], fingerprint.name(obj["machine"]["hard"])} != {fp}:
                out.append("machines/%s/calibration/%s: is of %s, with hard facts of %s"
                           % (fp, f, obj["fingerprint"], fingerprint.name(obj["machine"]["hard"])))
        if _json_files(os.path.join(folder, "runs")):
            one(os.path.join(folder, "machine.json"))
    one(os.path.join(results, "index.json"))
    if not out:
        out += stale(results)
    return out


def stale(results):
    """Generated files that are not what they would be made to be now."""
    out = []
    machines = []
    for fp in fingerprints(results):
        found = runs(results, fp)
        if found and read(os.path.join(folder_of(results, fp), "machine.json")) != \
                machine(found[-1][1]):
            out.append("machines/%s/machine.json: not that of the newest run" % fp)
        machines.append((fp, [f for f, _ in found], sorted(calibrations(results, fp))))
    index = [(m["fingerprint"], [r["file"] for r in m["runs"]], m["calibration"])
             for m in read(os.path.join(results, "index.json"))["machines"]]
    if index != machines:
        out.append("index.json: not up to date")
    return [x + " (scripts/results index)" for x in out]


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
