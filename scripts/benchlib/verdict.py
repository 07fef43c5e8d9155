# SPDX-License-Identifier: MIT
"""What a comparison says: on the terminal, in Markdown, in JSON."""
from . import gate

ORDER = {gate.FAIL: 0, gate.INCONCLUSIVE: 1, gate.PASS: 2}
METRICS = {"instructions": "instructions", "syscalls": "system calls", "allocations": "allocations"}


def sorted_rows(rows):
    """Failures first, then what is open, then the rest; the greatest change of CPU time first."""
    def key(r):
        cpu = [m["change"] for m in r["measures"] if m["metric"] == "cpu"]
        return ORDER[r["verdict"]], -(cpu[0] if cpu else 0), r["name"]
    return sorted(rows, key=key)


def word(row):
    if row["accepted"]:
        return "ACCEPTED"
    return row["verdict"]


def cells(row):
    """What a table shows of a row."""
    by = {m["metric"]: m for m in row["measures"]}

    def time_of(metric):
        m = by.get(metric)
        if not m:
            return "", ""
        if not m["interval"]:
            return "%+.1f %%" % (100 * m["change"]), ""
        return ("%+.1f %%" % (100 * m["change"]),
                "%+.1f to %+.1f" % tuple(100 * x for x in m["interval"]))

    def count(metric):
        m = by.get(metric)
        return "" if not m else "%s%s" % (gate.number(m["head"]),
                                          "" if abs(m["change"]) <= gate.JITTER else " (%+.3g)" % m["change"])
    cpu = by.get("cpu")
    base = "%.4g" % cpu["base"] if cpu else ""
    return [row["name"], base, *time_of("cpu"), "%.1f %%" % (100 * cpu["floor"]) if cpu else "",
            time_of("wall")[0], count("instructions"), word(row) + "".join(" " + f for f in row["flags"])]


HEAD = ["row", "base, ns", "CPU time", "99 % interval", "floor", "wall clock", "instructions", "verdict"]


def headline(result):
    """One sentence."""
    kinds = [word(r) for r in result["rows"]]
    if result["verdict"] == gate.REFUSED:
        return "REFUSED: %s differ%s" % (", ".join(d["key"] for d in result["refused"]),
                                         "s" if len(result["refused"]) == 1 else "")
    failed = [r["name"] for r in result["rows"] if word(r) == gate.FAIL]
    parts = ["%d of %d rows passed" % (kinds.count(gate.PASS), len(kinds))]
    if kinds.count("ACCEPTED"):
        parts.append("%d slower as accepted" % kinds.count("ACCEPTED"))
    if kinds.count(gate.INCONCLUSIVE):
        parts.append("%d undecided" % kinds.count(gate.INCONCLUSIVE))
    if failed:
        return "FAIL: %s became worse (%s)" % (", ".join(failed), ", ".join(parts))
    return "%s: %s" % (result["verdict"], ", ".join(parts))


def details(result):
    """Lines under the headline: why each row that did not simply pass came out as it did."""
    out = []
    for r in sorted_rows(result["rows"]):
        if r["verdict"] != gate.PASS or r["flags"]:
            out.append("%-13s %s: %s%s" % (word(r), r["name"], r["why"],
                                           " (%s)" % ", ".join(r["flags"]) if r["flags"] else ""))
        if r["accepted"]:
            out += ["              Bench-Accept in %s: %s" % (a["commit"][:12], a["text"]) for a in r["accepted"]]
    return out


def lists(result):
    out = []
    for d in result["refused"]:
        out.append("differs: %s: base %s, head %s" % (d["key"], d["base"], d["head"]))
    for key, text in (("new_rows", "only in the head"), ("removed_rows", "only in the base")):
        if result[key]:
            out.append("%s: %s" % (text, ", ".join(result[key])))
    for s in result["skipped"]:
        out.append("not compared: %s: %s" % (s["name"], s["reason"]))
    for a in result["accepts"]:
        if not a["used"]:
            out.append("not needed: Bench-Accept in %s: %s" % (a["commit"][:12], a["text"]))
    return out + ["note: " + n for n in result["notes"]]


def sides(result):
    def one(side):
        return "%s%s %s" % (side["rev"], " with uncommitted changes" if side["dirty"] else "", side["subject"])
    return "base " + one(result["base"]), "head " + one(result["head"])


def text(result):
    table = [HEAD] + [cells(r) for r in sorted_rows(result["rows"])]
    width = [max(len(row[i]) for row in table) for i in range(len(HEAD))]
    out = []
    if result["rows"]:
        for row in table:
            out.append("  ".join(c.ljust(w) if i in (0, len(HEAD) - 1) else c.rjust(w)
                                 for i, (c, w) in enumerate(zip(row, width))).rstrip())
        out.append("")
    return out + details(result) + lists(result) + ["", headline(result)]


def markdown(result):
    out = ["# %s" % headline(result), ""]
    out += ["- %s" % s for s in sides(result)]
    out.append("- machine %s, %s, %s" % (result["machine"]["fingerprint"], result["machine"]["hard"].get("cpu"),
                                         result["build"].get("compiler", "")))
    out.append("- measured for %.0f s" % result["seconds"])
    told = details(result) + lists(result)
    if told:
        out += ["", "```", *told, "```"]
    if result["rows"]:
        out += ["", "| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
        out += ["| " + " | ".join(cells(r)) + " |" for r in sorted_rows(result["rows"])]
        out += ["", "CPU time and wall clock are changes of the head against the base, medians over rounds of two "
                "processes that take turns. A row fails when its interval begins above 0 and its change is above "
                "the floor, twice; or when a count goes up. docs/regression-ci.md says why."]
    return "\n".join(out) + "\n"
