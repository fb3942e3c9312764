"""Measurements of mlray and its peers, in turn: `python -m benchmarks.AREA [--quick] [--json] [--write]`."""
