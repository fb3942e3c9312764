"""Sweeps beside their peers: what a trial costs above its training, how soon a score is reached, who shares with whom."""
