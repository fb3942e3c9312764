"""Sweeps beside their peers: what a trial costs besides its training, how soon a score is reached, who shares."""
