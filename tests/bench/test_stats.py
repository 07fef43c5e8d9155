# SPDX-License-Identifier: MIT
"""The statistics against known answers."""
import math
import random
import unittest

import common  # noqa: F401  (finds benchlib)
from benchlib import stats


class Known(unittest.TestCase):
    def test_median(self):
        self.assertIsNone(stats.median([]))
        self.assertEqual(stats.median([3]), 3)
        self.assertEqual(stats.median([5, 1, 3]), 3)
        self.assertEqual(stats.median([4, 1, 3, 2]), 2.5)

    def test_spread(self):
        self.assertIsNone(stats.spread([1]))
        self.assertAlmostEqual(stats.spread([90, 100, 110]), 0.1)

    def test_paired_uses_common_rounds_only(self):
        self.assertEqual(stats.paired({0: 10, 1: 30, 3: 8}, {0: 5, 1: 10, 2: 1}), [2, 3])
        self.assertEqual(stats.paired({0: 10}, {0: 0}), [])

    def test_student(self):
        # logs 0, ln 2, ln 4: mean ln 2, s = ln 2, half = 4.303 ln 2 / sqrt 3
        lo, hi = stats.interval([1, 2, 4])
        half = 4.303 * math.log(2) / math.sqrt(3)
        self.assertAlmostEqual(lo, 2 * math.exp(-half), places=3)
        self.assertAlmostEqual(hi, 2 * math.exp(half), places=3)

    def test_interval_of_equal_values_is_a_point(self):
        self.assertEqual(stats.interval([7] * 6), (7, 7))
        self.assertEqual(stats.interval([3.0] * 3), (3.0, 3.0))
        self.assertIsNone(stats.interval([7]))

    def test_interval_is_repeatable(self):
        v = [random.Random(4).random() for _ in range(9)]
        self.assertEqual(stats.interval(v), stats.interval(v))


class Coverage(unittest.TestCase):
    """95 % intervals have to hold the truth about that often, at every number of rounds used."""

    def covers(self, rounds, trials=600):
        rng = random.Random(rounds)
        hits = 0
        for t in range(trials):
            # Ratios with the long upper tail of a busy machine; their median is 3.
            v = [3 * math.exp(rng.gauss(0, 0.1)) for _ in range(rounds)]
            lo, hi = stats.interval(v, seed=t)
            hits += lo <= 3 <= hi
        return hits / trials

    def test_few_rounds(self):
        for n in (2, 3, 4):
            self.assertGreater(self.covers(n), 0.92, n)

    def test_five_to_ten_rounds(self):
        for n in (5, 7, 10):
            c = self.covers(n, 250)
            self.assertGreater(c, 0.90, n)


class Verdict(unittest.TestCase):
    def test_every_verdict_can_be_reached(self):
        self.assertEqual(stats.verdict((6, 8), low=5), stats.CONFIRMED)
        self.assertEqual(stats.verdict((2, 4), low=5), stats.REFUTED)
        self.assertEqual(stats.verdict((4, 6), low=5), stats.INCONCLUSIVE)
        self.assertEqual(stats.verdict((4, 6), high=7), stats.CONFIRMED)
        self.assertEqual(stats.verdict((8, 9), high=7), stats.REFUTED)
        self.assertEqual(stats.verdict((150, 250), low=100, high=400), stats.CONFIRMED)
        self.assertEqual(stats.verdict((10, 20), low=100, high=400), stats.REFUTED)
        self.assertEqual(stats.verdict((90, 110), low=100, high=400), stats.INCONCLUSIVE)
        self.assertEqual(stats.verdict(None, low=1), stats.INCONCLUSIVE)


if __name__ == "__main__":
    unittest.main(verbosity=2)
