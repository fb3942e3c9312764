"""The rule: regrets, the greedy list, and what a list or chance is worth. Pure; the figures are made elsewhere."""

from collections.abc import Mapping, Sequence
from math import comb
from statistics import mean

import numpy as np

__all__ = ["by_chance", "chosen", "left_out", "of_list", "regrets"]


def regrets(values: np.ndarray) -> np.ndarray:
    """Return of scores [tasks, configurations], higher being better, how far each is from its task's best.

    The distance from the best to the median is 1, so that every task weighs the same whatever its score's scale.

    >>> regrets(np.array([[0.9, 0.8, 0.7]])).round(3).tolist()
    [[0.0, 1.0, 2.0]]
    """
    best, middle = values.max(axis=1, keepdims=True), np.median(values, axis=1, keepdims=True)
    return (best - values) / np.maximum(best - middle, 1e-9)


def chosen(regret: np.ndarray, count: int) -> list[int]:
    """Return `count` configurations: each is the one that lowers the mean of the tasks' smallest regret most.

    Where none lowers it any more, the one with the smallest mean regret of those left follows.

    >>> chosen(np.array([[0.0, 3.0, 1.0], [4.0, 0.0, 1.0]]), 2)
    [2, 1]
    """
    running, found = np.full(len(regret), np.inf), list[int]()
    for _ in range(min(count, regret.shape[1])):
        after = np.minimum(running[:, None], regret).mean(axis=0)
        left = [number for number in range(regret.shape[1]) if number not in found]
        best = min(left, key=lambda number: (after[number], regret[:, number].mean()))
        found.append(best)
        running = np.minimum(running, regret[:, best])
    return found


def of_list(regret: np.ndarray, listed: Sequence[int], first: int) -> float:
    """Return the smallest regret [configurations] among the first entries of a list."""
    return float(min(regret[number] for number in listed[:first]))


def by_chance(regret: np.ndarray, draws: int) -> float:
    """Return the smallest regret [configurations] to be expected of so many drawn without putting back.

    >>> by_chance(np.array([0.0, 1.0]), 1), by_chance(np.array([0.0, 1.0]), 2)
    (0.5, 0.0)
    """
    ordered, whole = np.sort(regret), comb(len(regret), draws)
    # The k-th smallest is the smallest drawn where all the others come from those behind it.
    return float(sum(value * comb(len(ordered) - place - 1, draws - 1) / whole for place, value in enumerate(ordered)))


def left_out(
    regret: np.ndarray, families: Sequence[str], count: int, firsts: Sequence[int]
) -> Mapping[int, tuple[float, float]]:
    """Return for each number of evaluations (mean regret of a list, mean regret of chance) on tasks not learnt from.

    The list for a task is learnt from the tasks of all other families: tasks of one kind know each other too well.
    """
    found: dict[int, tuple[list[float], list[float]]] = {first: ([], []) for first in firsts}
    for task, family in enumerate(families):
        others = [number for number, other in enumerate(families) if other != family]
        listed = chosen(regret[others], count)
        for first in firsts:
            found[first][0].append(of_list(regret[task], listed, first))
            found[first][1].append(by_chance(regret[task], first))
    return {first: (mean(ours), mean(chance)) for first, (ours, chance) in found.items()}
