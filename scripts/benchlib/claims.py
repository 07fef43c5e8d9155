# SPDX-License-Identifier: MIT
"""Claims as data: expressions over rows, bounds, and a verdict by interval.

An expression is arithmetic over rows in brackets: "[thread/yield] / [yield/2]". A row's figure is
its ns/op; "[row].counters.bytes" or "[row].lat.p99" is another of its numbers. "{name}" is a fact
of the build, such as {switch_registers}. It is evaluated round by round, so that rows of one round
are compared with each other."""
import ast
import json
import operator
import re

from . import ladder, stats

TOKEN = re.compile(r"\[([^\]]+)\]((?:\.[\w%]+(?:\.\d+)?)*)|\{(\w+)\}")
OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
             ast.Div: operator.truediv}
# Two rounds agree by chance too often.
MIN_ROUNDS = 3
# A number that a claim names with "about" or "usually" is about right within this factor.
ABOUT = 2


class Missing(Exception):
    """Why an expression has no value here."""


def load(path):
    with open(path, encoding="utf-8") as f:
        data = json.load(f)
    for c in data["claims"]:
        for check in c["checks"]:
            if not any(check.get(k) is not None for k in ("min", "max", "names")):
                raise ValueError("claim %s: a check without bounds proves nothing" % c["id"])
            compile_(check["metric"])
    return data["claims"]


def compile_(text):
    """(syntax tree, {variable: (row, metric) or fact name})."""
    names = {}

    def variable(match):
        name = "v%d" % len(names)
        row, metric, fact = match.groups()
        names[name] = fact if fact else (row, metric.lstrip(".") or "ns_per_op")
        return name

    tree = ast.parse(TOKEN.sub(variable, text), mode="eval").body
    check_syntax(tree, text, names)
    return tree, names


def rows_of(text):
    """The rows that an expression needs, as it names them."""
    return {s[0] for s in compile_(text)[1].values() if not isinstance(s, str)}


def check_syntax(node, text, names):
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        check_syntax(node.left, text, names)
        check_syntax(node.right, text, names)
    elif not ((isinstance(node, ast.Name) and node.id in names) or
              (isinstance(node, ast.Constant) and isinstance(node.value, (int, float)))):
        raise ValueError("not understood: %r" % text)


def compute(node, values):
    if isinstance(node, ast.BinOp):
        return OPERATORS[type(node.op)](compute(node.left, values), compute(node.right, values))
    return values[node.id] if isinstance(node, ast.Name) else node.value


def why_missing(row, name):
    if row is None:
        return "there is no row %s" % name
    if row.status == "skip":
        return "%s was skipped: %s" % (name, row.reason)
    if row.status == "fail":
        return "%s failed: %s" % (name, row.reason)
    return "%s was not measured" % name


def evaluate(text, rows, facts):
    """The expression's value in each round. Raises Missing."""
    tree, names = compile_(text)
    per_round, fixed = {}, {}
    for variable, source in names.items():
        if isinstance(source, str):
            try:
                fixed[variable] = float(facts[source])
            except (KeyError, ValueError):
                raise Missing("the build does not say %s" % source) from None
            continue
        name, metric = ladder.resolve(source[0], rows), source[1]
        row = rows.get(name)
        if row is None or row.status != "ok":
            raise Missing(why_missing(row, name))
        per_round[variable] = row.values(metric)
        if not per_round[variable]:
            raise Missing("%s has no %s" % (name, metric))
    if not per_round:
        return [compute(tree, fixed)] * MIN_ROUNDS
    common = set.intersection(*(set(v) for v in per_round.values()))
    out = []
    for n in sorted(common):
        try:
            out.append(compute(tree, dict(fixed, **{k: v[n] for k, v in per_round.items()})))
        except ZeroDivisionError:
            pass
    if not out:
        raise Missing("no round has all of: " + ", ".join(
            s if isinstance(s, str) else s[0] for s in names.values()))
    return out


def told(text, facts):
    """The text with facts of the build in place of {name}."""
    return re.sub(r"\{(\w+)\}", lambda m: str(facts.get(m.group(1), "(not known)")), text)


def judge_check(check, rows, facts):
    """{metric, value, interval, verdict, reason} of one check."""
    named = check.get("names")
    r = {"says": told(check["says"], facts), "metric": check["metric"],
         "unit": check.get("unit", ""), "names": named, "decides": named is None,
         "min": named / ABOUT if named else check.get("min"),
         "max": named * ABOUT if named else check.get("max"),
         "value": None, "interval": None, "verdict": stats.INCONCLUSIVE, "reason": None}
    try:
        values = evaluate(check["metric"], rows, facts)
    except Missing as e:
        r["reason"] = str(e)
        return r
    r["value"] = stats.median(values)
    r["interval"] = stats.interval(values)
    r["rounds"] = len(values)
    if len(values) < MIN_ROUNDS:
        r["reason"] = "measured in %d round%s, %d are needed" % (
            len(values), "" if len(values) == 1 else "s", MIN_ROUNDS)
        return r
    r["verdict"] = stats.verdict(r["interval"], r["min"], r["max"])
    if r["verdict"] == stats.INCONCLUSIVE:
        r["reason"] = "the interval lies astride the bound"
    pending = check.get("pending")
    if pending and r["value"] > pending["over"]:
        r["verdict"], r["reason"] = stats.INCONCLUSIVE, pending["reason"]
    excuse = check.get("unless")
    if excuse and r["verdict"] != stats.CONFIRMED:
        row = rows.get(ladder.resolve(excuse["row"], rows))
        label = (row.fact("label") if row else None) or ""
        if label.startswith(excuse["label"]):
            # The harness's own safety limit ended it, which says nothing on what is possible.
            r["verdict"], r["reason"] = stats.INCONCLUSIVE, label
    return r


def judge(claim, rows, facts, show):
    """The verdict on a claim. show(value, unit) makes a number readable."""
    checks = [judge_check(c, rows, facts) for c in claim["checks"]]
    deciding = [c for c in checks if c["decides"]]
    kinds = {c["verdict"] for c in deciding}
    if stats.REFUTED in kinds:
        verdict = stats.REFUTED
    elif kinds == {stats.CONFIRMED}:
        verdict = stats.CONFIRMED
    else:
        verdict = stats.INCONCLUSIVE
    reasons = [c["reason"] for c in deciding if c["verdict"] == stats.INCONCLUSIVE and c["reason"]]
    named = [c for c in checks if not c["decides"]]
    return {"id": claim["id"], "claim": claim["claim"], "verdict": verdict, "checks": checks,
            "numbers": len(named),
            "numbers_off": sum(c["verdict"] == stats.REFUTED for c in named),
            "reason": "; ".join(dict.fromkeys(reasons)) or None,
            "sentences": [sentence(x, rows, facts, show) for x in claim["sentences"]],
            "caveat": told(claim["caveat"], facts) if claim.get("caveat") else None}


def sentence(text, rows, facts, show):
    """A plain sentence of a claim with its numbers put in; what is missing says so."""
    def put(match):
        expression, _, unit = match.group(1).partition("|")
        try:
            return show(stats.median(evaluate(expression, rows, facts)), unit or "ns")
        except Missing:
            return "(not measured)"
    return told(re.sub(r"<([^<>]+)>", put, text), facts)
