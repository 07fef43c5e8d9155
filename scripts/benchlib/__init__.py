# SPDX-License-Identifier: MIT
"""What scripts/bench is made of: machine, run, stats, ladder, claims, report."""
