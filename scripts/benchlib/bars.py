# SPDX-License-Identifier: MIT
"""Bars as data: how good a row of the ladder ought to be, and whether it is, by interval."""
import json
import re

from . import claims, ladder, stats

# Units and what their numbers are of: the row's own, over the reference, or as the bar says.
OWN = ("ns", "B", "s", "%")
WORDS = {stats.CONFIRMED: "met", stats.REFUTED: "missed", stats.INCONCLUSIVE: "open"}


def load(path):
    with open(path, encoding="utf-8") as f:
        bars = json.load(f)["bars"]
    for bar in bars:
        bar.setdefault("metric", "ns_per_op")
        if bar["unit"] != "ref" and bar["unit"] not in OWN and not bar.get("of"):
            raise ValueError("the bar of %s does not say what its unit means" % bar["row"])
        claims.compile_(expression(bar))
    return bars


def expression(bar):
    """What is compared with the bar; sums of a row's numbers are written with +."""
    if bar.get("of"):
        return bar["of"]
    own = " + ".join("[%s].%s" % (bar["row"], m.strip()) for m in bar["metric"].split("+"))
    return "(%s) / [%s]" % (own, ladder.REF) if bar["unit"] == "ref" else own


def judge(bars, rows, facts):
    """{(row, metric): judged bar} of the rows that are there."""
    out = {}
    for bar in bars:
        name = ladder.resolve(bar["row"], rows)
        if name not in rows:
            continue
        check = {"says": name, "metric": expression(bar), "unit": bar["unit"], "max": bar["max"]}
        judged = claims.judge_check(check, rows, facts)
        judged["word"] = WORDS[judged["verdict"]]
        judged["bar"] = bar["max"]
        judged["number"] = bar["metric"]
        out[(name, bar["metric"])] = judged
    return out


def bound(judged):
    """The bar as it is shown: 2.8 ns, 0.25 ref, 1.3x P=1."""
    if judged["unit"] == "ns" and judged["bar"] >= 1000:
        return "%g us" % (judged["bar"] / 1000)
    return with_unit("{:,.10g}".format(judged["bar"]), judged["unit"])


def with_unit(number, unit):
    return number + (unit if re.match(r"x\b", unit) else " " + unit)
