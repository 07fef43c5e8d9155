# SPDX-License-Identifier: MIT
"""How good the gate is on a machine, and what the scheduler's choices do there:
results/machines/FINGERPRINT/calibration/. Written by scripts/bench-calibrate, read by the gate for its floors.

Blocks are comparisons of a build with itself, trials comparisons with a fault of known size, choices comparisons of a
knob's value with its default. All are made by what `make bench-check` is made of, and counted, never resampled: each
stands for itself."""
import os

from . import compare, fingerprint, gate, record, store

SCHEMA = "wend-calibration-1"
ENOUGH = 30  # comparisons of a build with itself before they may raise a floor
TIMED = ("cpu", "wall")


def path_of(results, name, kind):
    return os.path.join(store.folder_of(results, name), "calibration", kind + ".json")


def load(results, name, kind):
    """The file of that kind, or a fresh object."""
    try:
        return store.read(path_of(results, name, kind))
    except (OSError, ValueError):
        return {"schema": SCHEMA, "kind": kind, "fingerprint": name, "summary": [], entries(kind): []}


def entries(kind):
    return {"aa": "blocks", "power": "trials", "choices": "choices"}[kind]


def save(results, name, kind, data, facts, build):
    """Writes it with a fresh summary."""
    data["machine"] = {"hard": fingerprint.hard(facts, build), "soft": fingerprint.soft(facts),
                       "build": fingerprint.build_of(build)}
    summary = {"aa": summary_of_blocks, "power": summary_of_trials, "choices": summary_of_choices}[kind]
    data["summary"] = summary(data[entries(kind)])
    path = path_of(results, name, kind)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    store.write(path, record.trimmed(data))
    return path


def floors(results, name):
    """{(class, metric): floor} that this machine's noise asks for: what 19 of 20 comparisons of a build with
    itself stay below."""
    seen = {}
    for b in load(results, name, "aa")["blocks"]:
        for metric in TIMED:
            if metric in b["changes"]:
                seen.setdefault((b["class"], metric), []).append(abs(b["changes"][metric]))
    return {key: sorted(v)[int(0.95 * len(v))] for key, v in seen.items() if len(v) >= ENOUGH}


# ---- What a comparison leaves -------------------------------------------------------------------

def block(row, raised, when, commit):
    """The record of a row that was compared with itself."""
    measures = row.measures(raised)
    return {"when": when, "commit": commit, "class": row.cls, "row": row.name,
            "changes": {m["metric"]: m["change"] for m in measures if m["metric"] in TIMED},
            "verdict": gate.row_verdict(measures)[0],
            "alarm": [m["metric"] for m in measures if m["confirmation"]],
            "confirmed": [m["metric"] for m in measures if m["verdict"] == gate.FAIL]}


def trial(row, raised, when, commit, injected, metric):
    """The record of a row with a fault in it. Found: the row fails, and by the measure that should show it."""
    measures = row.measures(raised)
    failed = [m["metric"] for m in measures if m["verdict"] == gate.FAIL]
    by = {m["metric"]: m for m in measures}
    return {"when": when, "commit": commit, "class": row.cls, "row": row.name, "injected": injected,
            "metric": metric, "change": by[metric]["change"] if metric in by else None,
            "interval": by[metric]["interval"] if metric in by else None,
            "verdict": gate.row_verdict(measures)[0], "failed": failed, "found": metric in failed}


def choice(row, raised, when, commit, knob):
    """The record of a row under a knob's value, against the default."""
    measures = [m for m in row.measures(raised) if m["metric"] in TIMED]
    return {"when": when, "commit": commit, "class": row.cls, "row": row.name, "knob": knob,
            "rounds": len(row.series[0]),
            "measures": [{"metric": m["metric"], "change": m["change"], "interval": m["interval"], "floor": m["floor"],
                          "word": word_of(m)} for m in measures]}


def word_of(measure):
    """better or worse: beyond the floor, and the whole interval on that side; same: the whole interval within the floor."""
    change, ci, floor = measure["change"], measure["interval"], measure["floor"]
    if ci is None:
        return "open"
    if ci[0] > 0 and change > floor:
        return "worse"
    if ci[1] < 0 and change < -floor:
        return "better"
    return "same" if -floor < ci[0] and ci[1] < floor else "open"


# ---- Summaries ----------------------------------------------------------------------------------

def summary_of_blocks(blocks):
    out = []
    for cls in sorted({b["class"] for b in blocks}):
        mine = [b for b in blocks if b["class"] == cls]
        confirmed = sum(bool(b["confirmed"]) for b in mine)
        out.append({"class": cls, "blocks": len(mine), "rows": len({b["row"] for b in mine}),
                    "alarms": sum(bool(b["alarm"]) for b in mine), "confirmed": confirmed,
                    "undecided": sum(b["verdict"] == gate.INCONCLUSIVE for b in mine),
                    "rate_at_most": gate.at_most(confirmed, len(mine)),
                    "spread": {m: spread([b["changes"][m] for b in mine if m in b["changes"]]) for m in TIMED}})
    return out


def spread(changes):
    """What 19 of 20 stay below, in size."""
    v = sorted(abs(c) for c in changes)
    return v[int(0.95 * len(v))] if v else None


def summary_of_trials(trials):
    out = []
    for row, injected, metric in sorted({(t["row"], t["injected"], t["metric"]) for t in trials}):
        mine = [t for t in trials if (t["row"], t["injected"], t["metric"]) == (row, injected, metric)]
        found = sum(t["found"] for t in mine)
        out.append({"row": row, "injected": injected, "metric": metric, "trials": len(mine), "found": found,
                    "passed": sum(t["verdict"] == gate.PASS for t in mine),
                    "change": gate.median([t["change"] for t in mine if t["change"] is not None] or [0]),
                    "rate_at_least": gate.at_least(found, len(mine))})
    return out


WORDS = ("better", "worse", "same", "open")


def summary_of_choices(choices):
    out = []
    for knob in dict.fromkeys(c["knob"] for c in choices):
        mine = [c for c in choices if c["knob"] == knob]
        line = {"knob": knob, "rows": len(mine)}
        for metric in TIMED:
            words = [m["word"] for c in mine for m in c["measures"] if m["metric"] == metric]
            line[metric] = {w: words.count(w) for w in WORDS}
        out.append(line)
    return out


def told(kind, summary):
    """The summary in words, a line each."""
    if kind == "choices":
        return ["%-18s %d rows; CPU time: %s; wall clock: %s" % (
            s["knob"], s["rows"], *(", ".join("%d %s" % (s[m][w], w) for w in WORDS if s[m][w]) for m in TIMED))
            for s in summary]
    if kind == "aa":
        return ["class %s: %d false alarms in %d comparisons of %d rows (%d after the first series, %d undecided): the "
                "rate is at most %.1f %%, with 95 %% certainty" % (
                    s["class"], s["confirmed"], s["blocks"], s["rows"], s["alarms"], s["undecided"],
                    100 * s["rate_at_most"]) for s in summary]
    return ["%-14s %-24s by %-12s found %d of %d, passed %d; measured %s; at least %.0f %% are found" % (
        s["row"], s["injected"], s["metric"], s["found"], s["trials"], s["passed"],
        "%+.1f %%" % (100 * s["change"]) if s["metric"] in TIMED else "%+.3g" % s["change"],
        100 * s["rate_at_least"]) for s in summary]


# ---- Choosing what to do next -------------------------------------------------------------------

def fewest(candidates, done, many):
    """So many of the candidates, those that were done least often first; done: a list of candidates."""
    return sorted(candidates, key=lambda c: (done.count(c), candidates.index(c)))[:many]


def rows_named(config, names):
    classes = {name: cls for cls, listed in config["rows"].items() for name in listed}
    return [compare.Row(name, classes[name]) for name in names]
