# SPDX-License-Identifier: MIT
"""results/: runs and calibrations by machine, small and deterministic.

    schema/v1.schema.json           what each file must look like
    machines/FP/machine.json        made from the newest run: hard and soft facts, topology, floor
    machines/FP/runs/*.json         one file for each run that was saved, a row of it on each line
    machines/FP/calibration/*.json  what the gate's false alarms and power were measured to be
    index.json                      made from all of these

record.py has what is in a run's file."""
import json
import os
import re

from . import files, fingerprint, record, stats

MACHINE, INDEX = "wend-machine-1", "wend-index-1"
LIMIT = 128 * 1024      # bytes of a run, which git keeps for ever; a short run has about half of that
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
    files.write(path, text)
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
    rows = record.rows_of(rec)
    out = []
    for says, name, metric in FLOOR:
        row = rows.get(name)
        values = list(row.values(metric).values()) if row and row.status == "ok" else []
        if values:
            out.append({"says": says, "row": name, "metric": metric,
                        "ns": record.rounded(float(stats.median(values)))})
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
        known = [r["hard"] for _, r in found[-1:]] + [
            c["machine"]["hard"] for c in calibrations(results, fp).values()]
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
    record.fit(rec)
    size = len(text_of(rec).encode())
    if size > LIMIT:
        raise record.Unfit("its record has %d bytes, more than %d" % (size, LIMIT))
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
