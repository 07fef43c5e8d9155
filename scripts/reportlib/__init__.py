# SPDX-License-Identifier: MIT
"""The report: one HTML page and a short Markdown summary of a run. scripts/report is its front."""
