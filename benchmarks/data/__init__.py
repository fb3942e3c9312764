"""The data layer and its peers: `python -m benchmarks.data [--only SECTION] [--rows N] [--rounds N] [--write]`."""
