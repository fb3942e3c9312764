"""What a sweep tries before it searches: a learnt list of strong configurations, then the best of earlier sweeps."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from mlray.experiments._space import Configuration, Space, Value, placed, spaces
from mlray.records import Trial
from mlray.spec import Model

__all__ = ["first_configurations", "portfolio"]

FILE = Path(__file__).with_name("portfolio.json")
"""Written by the script in `benchmarks/portfolio`, which learns it from synthetic tasks."""


def portfolio(trainer: str, task: str = "binary", rows: int | None = None) -> tuple[Mapping[str, Value], ...]:
    """Return configurations of `trainer` that are strong together, the best single one first; none for others.

    `rows` is the number of rows learnt from: large tables have lists of their own. Without it the first list is taken.

    >>> len(portfolio("xgboost")), portfolio("somebody's own")
    (8, ())
    """
    for entry in _learnt():
        low, high = entry["rows"]
        fits = rows is None or (low <= rows and (high is None or rows < high))
        if entry["trainer"] == trainer and task in entry["tasks"] and fits:
            return tuple(entry["configurations"])
    return ()


@cache
def _learnt() -> Sequence[Mapping[str, Any]]:
    learnt: Sequence[Mapping[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))["portfolios"]
    return learnt


def first_configurations(
    model: Model, trials: int, warm: Sequence[Trial] = (), *, task: str = "binary", rows: int | None = None
) -> tuple[Configuration, ...]:
    """Return what is tried before any search: the learnt list of every trainer, and the best of earlier sweeps.

    With `warm` trials at hand the best of each list goes first, then the warm ones, then the rest of the lists. At most
    half of the trials come from lists, and no configuration comes twice. A warm trial of a trainer that the project no
    longer names is left out. List entries are moved into the project's ranges.
    """
    found = spaces(model)
    lists = [_listed(space, task, rows) for space in found]
    deepest = max(map(len, lists))
    turns = [entries[depth] for depth in range(deepest) for entries in lists if depth < len(entries)]
    listed = _once(turns)[: max(1, (trials + 1) // 2)]
    known = {space.trainer for space in found}
    earlier = [Configuration(trial.trainer, dict(trial.params)) for trial in warm if trial.trainer in known]
    ahead = len(found) if earlier else len(listed)
    return tuple(_once([*listed[:ahead], *earlier, *listed[ahead:]])[:trials])


def _listed(space: Space, task: str, rows: int | None) -> list[Configuration]:
    """Return the list of the space's trainer within the space; its middle where there is no list."""
    entries = portfolio(space.trainer, task, rows) or portfolio(space.trainer)
    if space.ours:
        # Nobody asked for certain ranges: what was learnt stays as it was learnt.
        return [Configuration(space.trainer, entry) for entry in entries]
    return _once([placed(space, entry) for entry in entries or ({},)])


def _once(configurations: Sequence[Configuration]) -> list[Configuration]:
    """Return the configurations without those that came before."""
    found: list[Configuration] = []
    for configuration in configurations:
        if configuration not in found:
            found.append(configuration)
    return found
