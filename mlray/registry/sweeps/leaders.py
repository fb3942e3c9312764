"""The best trials so far, of which alone a tracking system hears more than a score. Pure."""

from collections.abc import Iterable, Sequence

from mlray.records import Trial, is_loss

__all__ = ["MOST", "Leaders"]

MOST = 10
"""So many trials of a sweep have a run of their own, with their model where it came along: 1,000 would hide them."""


class Leaders:
    """The best trials of one sweep by `metric`, at most `most` of them; of equal ones those that came first.

    >>> leaders = Leaders("auc", 2)
    >>> scores = enumerate([0.7, 0.6, 0.8])
    >>> leaders.improvements(Trial(number, "xgboost", {}, score, 9, 1.0, "finished") for number, score in scores)
    [(0, 0.7), (2, 0.8)]
    >>> [trial.number for trial in leaders.best]
    [2, 0]
    """

    def __init__(self, metric: str, most: int = MOST) -> None:
        """Begin without any trial."""
        self._sign = -1.0 if is_loss(metric) else 1.0
        self._most = most
        self._place = 0
        self._found: list[tuple[float, int, Trial]] = []
        self._record: float | None = None

    @property
    def best(self) -> tuple[Trial, ...]:
        """The best trials, the very best first."""
        return tuple(trial for _, _, trial in self._found)

    def improvements(self, trials: Iterable[Trial]) -> list[tuple[int, float]]:
        """Take note of finished `trials`; return place (in the order told) and score of each that beats all before."""
        better = []
        for trial in trials:
            if trial.score is not None:
                self._found.append((-self._sign * trial.score, self._place, trial))
                if self._record is None or self._sign * (trial.score - self._record) > 0:
                    self._record = trial.score
                    better.append((self._place, trial.score))
            self._place += 1
        self._found = sorted(self._found, key=lambda one: one[:2])[: self._most]
        return better

    def among(self, numbers: Iterable[int]) -> Sequence[int]:
        """Return those of `numbers` that are trials among the best."""
        best = {trial.number for trial in self.best}
        return [number for number in numbers if number in best]
