"""Sweeps as runs of MLflow: one run per sweep, and a child for each of its best trials, however many there are."""
