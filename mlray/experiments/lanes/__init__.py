"""Lanes on Ray: long-lived processes that Tune feeds with packs, and the pools that keep them warm between sweeps."""

__all__: list[str] = []
