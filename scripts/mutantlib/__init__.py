# SPDX-License-Identifier: MIT
"""What scripts/mutants is made of: places, bench."""
