"""Measurements of mlray and its peers, in turn, in one run: `python -m benchmarks.AREA [--quick] [--json] [--write]`."""
