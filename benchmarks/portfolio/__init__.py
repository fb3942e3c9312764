"""Learns which few configurations are strong together, before any search: `mlray/experiments/portfolio.json`."""
