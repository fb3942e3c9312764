"""Ray Tune's own spaces and searchers, for those who have them: `tune.on_ray` translates both ways."""

__all__: list[str] = []
