# SPDX-License-Identifier: MIT
"""From numbers to verdicts on changes between two builds. No input, no output: docs/regression-ci.md has the why.

A round is one number, the median over its pairs of log(head / base). Rounds are the unit of replication."""
import math

PASS, FAIL, INCONCLUSIVE, REFUSED = "PASS", "FAIL", "INCONCLUSIVE", "REFUSED"

CONFIDENCE = 0.99
ROUNDS = 10        # of a series; with fewer there is no 99 % interval of a median
MOST_ROUNDS = 30   # what an undecided row may be given
# The smallest changes worth a name, by class of row: one P, or several.
FLOORS = {"one": {"cpu": 0.03, "wall": 0.10}, "two": {"cpu": 0.10, "wall": 0.15}}
LEAST_NS = 0.1     # a third of a cycle: smaller changes have no name
EVENT_FLOOR = 0.25  # events per operation
# Counts are exact but for some thousand instructions of start and end, spread over the operations.
JITTER = 0.3
LESS_THAN_TWO = 1.7
LAYOUT = 0.05      # what the order of functions in memory can do to a row of nanoseconds


def median(values):
    v = sorted(values)
    n = len(v)
    return v[n // 2] if n % 2 else (v[n // 2 - 1] + v[n // 2]) / 2


def interval(values, confidence=CONFIDENCE):
    """Interval of the median: order statistics, interpolated to the confidence asked for (Hettmansperger and
    Sheather 1986). None where the whole range does not reach it.

    The bootstrap of a median over as few as ten rounds holds the truth in 97 % of cases where it says 99 %;
    this one in 99 %, and the same numbers always give the same interval."""
    v, n = sorted(values), len(values)

    def covered(k):
        """How often the k-th smallest (from 0) and its mirror image enclose the median."""
        return 1 - 2 * sum(math.comb(n, i) for i in range(k + 1)) / 2 ** n

    if n < 2 or covered(0) < confidence:
        return None
    k = 0
    while covered(k + 1) >= confidence:
        k += 1
    share = (covered(k) - confidence) / (covered(k) - covered(k + 1))
    inner = (n - k - 1) * share / (k + 1 + (n - 2 * (k + 1)) * share)
    return ((1 - inner) * v[k] + inner * v[k + 1],
            (1 - inner) * v[n - 1 - k] + inner * v[n - 2 - k])


def floor_of(cls, metric, base_ns, raised=None):
    """The floor of a row's times as a part of the base; raised: what the machine's calibration asks for."""
    least = max(FLOORS[cls][metric], (raised or {}).get((cls, metric), 0))
    return max(least, LEAST_NS / base_ns) if base_ns > 0 else least


def judge_series(values, floor):
    """(verdict, estimate, interval) of one series of rounds: differences, or logarithms of ratios."""
    estimate, ci = median(values), interval(values)
    if ci is None:
        return INCONCLUSIVE, estimate, None
    if ci[0] > 0 and estimate > floor:
        return FAIL, estimate, ci
    return (PASS if ci[1] < floor else INCONCLUSIVE), estimate, ci


def confirmed(first, second):
    """The verdict of two independent series. A failure must be seen in both."""
    if first != FAIL:
        return first
    return FAIL if second == FAIL else INCONCLUSIVE


def instruction_floor(base):
    """1 %, but never so much that two instructions could hide, nor so little that the jitter of start and end
    would count."""
    return max(JITTER, min(0.01 * base, LESS_THAN_TWO))


def judge_count(metric, base, head):
    """(verdict, floor) of a count per operation; exact, so there is nothing in between."""
    floor = instruction_floor(base) if metric == "instructions" else EVENT_FLOOR
    return (FAIL if head - base > floor else PASS), floor


def row_verdict(measures):
    """(verdict, why) of a row from its measures. Counts and CPU time decide; wall clock and events are too
    noisy to be waited for, but what they show twice is a failure."""
    failed = [m for m in measures if m["verdict"] == FAIL]
    if failed:
        return FAIL, "; ".join(said(m) for m in failed)
    deciding = [m for m in measures if m["metric"] == "cpu"] or measures
    if not deciding:
        return INCONCLUSIVE, "nothing was measured"
    open_ = [m for m in deciding if m["verdict"] == INCONCLUSIVE]
    if open_:
        return INCONCLUSIVE, "; ".join(undecided(m) for m in open_)
    return PASS, "; ".join(said(m) for m in deciding)


def said(m):
    """A measure in words."""
    if m["unit"] == "ns":
        text = "%s %+.1f %%" % ({"cpu": "CPU time", "wall": "wall clock"}[m["metric"]], 100 * m["change"])
        if m["interval"]:
            text += " [%+.1f, %+.1f]" % tuple(100 * x for x in m["interval"])
        return text
    return "%s %s -> %s an operation" % (m["metric"], number(m["base"]), number(m["head"]))


def number(x):
    return "%.4g" % x if abs(x) >= 0.01 else "%.1g" % x if x else "0"


def undecided(m):
    if m.get("confirmation"):
        return said(m) + ", not seen again in a second series"
    if m["interval"] is None:
        return "%d rounds of %s, %d are needed" % (m["rounds"], m["metric"], ROUNDS)
    return "%s lies astride the floor of %.1f %%" % (said(m), 100 * m["floor"])


def flags_of(measures):
    by = {m["metric"]: m for m in measures}
    flags = []
    cpu, instructions = by.get("cpu"), by.get("instructions")
    if cpu and cpu["interval"] and cpu["interval"][1] < 0 and cpu["change"] < -cpu["floor"]:
        flags.append("faster")
    if (cpu and instructions and cpu["interval"] and cpu["interval"][0] > 0 and cpu["change"] <= LAYOUT and
            abs(instructions["change"]) <= JITTER):
        flags.append("layout?")
    return flags


# ---- Expected changes ---------------------------------------------------------------------------

def excused(measure, accept):
    """Whether an acknowledged change covers a measure that failed: +8% for times and instructions, +1
    syscalls for a count."""
    if accept["metric"] is None:
        if measure["unit"] == "ns":
            return measure["change"] <= accept["amount"] / 100
        if measure["metric"] != "instructions" or not measure["base"]:
            return False
        return measure["change"] / measure["base"] <= accept["amount"] / 100
    return accept["metric"] == measure["metric"] and measure["change"] <= accept["amount"] + EVENT_FLOOR


def acknowledge(row, accepts):
    """The accepts that together cover all that failed in the row, or None."""
    used = []
    for m in row["measures"]:
        if m["verdict"] != FAIL:
            continue
        cover = [a for a in accepts if a["row"] == row["name"] and excused(m, a)]
        if not cover:
            return None
        used.append(cover[0])
    return used or None


def run_verdict(rows):
    """The verdict of the whole run."""
    kinds = [PASS if r.get("accepted") else r["verdict"] for r in rows]
    if FAIL in kinds:
        return FAIL
    return INCONCLUSIVE if not kinds or kinds.count(INCONCLUSIVE) * 2 > len(kinds) else PASS


# ---- How good the gate is -----------------------------------------------------------------------

def at_most(hits, trials, confidence=0.95):
    """Upper Clopper-Pearson bound of a rate, one-sided and exact: the rate at which so few hits would be rarer
    than 1 - confidence."""
    return 1.0 if hits >= trials else _solve(lambda p: _tail(hits, trials, p), 1 - confidence)


def at_least(hits, trials, confidence=0.95):
    return 1 - at_most(trials - hits, trials, confidence)


def _tail(hits, trials, p):
    """Probability of so many hits or fewer."""
    return sum(math.comb(trials, i) * p ** i * (1 - p) ** (trials - i) for i in range(hits + 1))


def _solve(falling, target):
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if falling(middle) > target:
            low = middle
        else:
            high = middle
    return high
