# SPDX-License-Identifier: MIT
"""Medians over rounds and intervals for them.

A round is the unit of replication: one fresh process of each row. Repetitions within a process
would only repeat that process's luck with addresses and placement."""
import math
import random

RESAMPLES = 2000
# 95 % quantiles of Student's t, two-sided, by degrees of freedom.
T95 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776}
# Below so many rounds resampling cannot reach 95 %: with n of them, the interval from the smallest
# to the greatest covers the median with 1 - 2^(1-n).
ENOUGH = 5


def median(values):
    v = sorted(values)
    n = len(v)
    if not n:
        return None
    return v[n // 2] if n % 2 else (v[n // 2 - 1] + v[n // 2]) / 2


def spread(values):
    """Half the range as a part of the median: the plus or minus of the rounds."""
    m = median(values)
    if m is None or len(values) < 2 or m == 0:
        return None
    return (max(values) - min(values)) / 2 / abs(m)


def interval(values, seed=1):
    """95 % interval of the median: bootstrap over rounds, or, with fewer than ENOUGH rounds,
    Student's t (on logarithms where all are positive), which is wide as it should be. None for
    fewer than two values.

    The bootstrap of a median comes out short with few rounds (with seven it holds the truth in 87 %
    of cases), so it is widened to the order statistics between which the median lies for certain
    that often."""
    n = len(values)
    if n < 2:
        return None
    if min(values) == max(values):
        # Not through logarithms: a count of 3 must not come back as a hair above 3.
        return values[0], values[0]
    if n < ENOUGH:
        return _student(values)
    ordered, k = sorted(values), _rank(n)
    if k == 0:
        # No resampled median lies outside the smallest and the greatest.
        return ordered[0], ordered[-1]
    rng = random.Random(seed)
    medians = sorted(median([values[rng.randrange(n)] for _ in range(n)])
                     for _ in range(RESAMPLES))
    return (min(ordered[k], medians[int(RESAMPLES * 0.025)]),
            max(ordered[n - 1 - k], medians[int(RESAMPLES * 0.975)]))


def _rank(n):
    """The greatest k such that the k-th smallest (from 0) and its mirror image cover the median in
    92.5 % of cases or more."""
    outside, k = 2.0 / 2 ** n, 0
    while outside + 2.0 * math.comb(n, k + 1) / 2 ** n <= 0.075:
        k += 1
        outside += 2.0 * math.comb(n, k) / 2 ** n
    return k


def _student(values):
    logs = all(v > 0 for v in values)
    v = [math.log(x) for x in values] if logs else list(values)
    n = len(v)
    mean = sum(v) / n
    half = T95[n - 1] * math.sqrt(sum((x - mean) ** 2 for x in v) / (n - 1) / n)
    # With two rounds t is so wide that the number would only mislead; e^5 is "no idea".
    if logs:
        return math.exp(mean - min(half, 5)), math.exp(mean + min(half, 5))
    return mean - half, mean + half


def paired(top, bottom):
    """Ratios round by round of two {round: value}; only rounds that have both."""
    return [top[r] / bottom[r] for r in sorted(top) if bottom.get(r)]


CONFIRMED, REFUTED, INCONCLUSIVE = "CONFIRMED", "REFUTED", "INCONCLUSIVE"


def verdict(ci, low=None, high=None):
    """An interval against bounds, either of which may be missing: inside is CONFIRMED, outside is
    REFUTED, astride is INCONCLUSIVE."""
    if ci is None:
        return INCONCLUSIVE
    lo, hi = ci
    if (low is not None and hi < low) or (high is not None and lo > high):
        return REFUTED
    if (low is None or lo >= low) and (high is None or hi <= high):
        return CONFIRMED
    return INCONCLUSIVE
