"""What a model must show before anybody is served by it. Pure: comparisons in, verdicts out."""

from collections.abc import Sequence

from mlray.evaluation._compare import Comparison
from mlray.evaluation._slices import Slice
from mlray.records import GateResult
from mlray.spec import Gates

__all__ = ["MARGIN", "judge"]

MARGIN = {"auc": 0.01, "accuracy": 0.01, "error": 0.01, "log_loss": 0.01, "brier": 0.005}
"""How much worse than the baseline a model might still be, by its interval, and pass: less matters to nobody."""

WORDS = {"auc": "AUC", "accuracy": "accuracy", "error": "error", "log_loss": "log loss", "brier": "Brier score"}


def judge(
    baseline: Comparison, champion: Comparison | None, slices: Sequence[Slice], gates: Gates
) -> tuple[GateResult, ...]:
    """Return one verdict per gate.

    * **baseline**: the gain over a linear model is at least `gates.baseline`, and the rows show that the candidate is
      not worse by more than `MARGIN` (the lower end of the paired 95 % interval): a test set too small to tell refuses.
    * **champion**, where one is live: the gain is at least `gates.champion`, and the candidate is not significantly
      worse in paired Brier loss. An upgrade need not be proven, the rollout will judge it on traffic.
    * **slices**: no slice is significantly worse, by more than `gates.slice_tolerance`, than the champion, or than the
      baseline where nothing is live. The slices were compared at a level that accounts for their number.
    """
    results = [_baseline(baseline, gates.baseline)]
    if champion is not None:
        results.append(_champion(champion, gates.champion))
    if gates.slices:
        results.append(_slices(slices, gates, "the baseline" if champion is None else "the champion"))
    return tuple(results)


def _baseline(seen: Comparison, asked: float) -> GateResult:
    what = f"{_scores(seen)} of the linear baseline: {_gain(seen)}"
    if seen.gain.value < asked:
        return GateResult("baseline", False, f"{what}, and at least {asked:+.3f} is asked. {_could_show(seen)}")
    margin = MARGIN[seen.metric]
    if seen.gain.low < -margin:
        return GateResult(
            "baseline",
            False,
            f"{what}; it may be worse by more than {margin:g}: too few rows to tell. {_could_show(seen)}",
        )
    return GateResult("baseline", True, f"{what}. {_could_show(seen)}")


def _champion(seen: Comparison, asked: float) -> GateResult:
    what = f"{_scores(seen)} of the live model on the same {seen.rows:,} rows: {_gain(seen)}"
    if seen.gain.value < asked:
        return GateResult("champion", False, f"{what}, and at least {asked:+.3f} is asked. {_could_show(seen)}")
    loss = seen.excess_loss
    if loss.low > 0:
        worse = f"Brier loss {loss.value:+.4f} [{loss.low:+.4f}, {loss.high:+.4f}] a row"
        return GateResult("champion", False, f"{what}, but its probabilities are worse: {worse}.")
    return GateResult("champion", True, f"{what}. {_could_show(seen)}")


def _slices(slices: Sequence[Slice], gates: Gates, other: str) -> GateResult:
    if not slices:
        return GateResult("slices", True, f"no slice has {gates.slice_rows} rows or more, so none was judged.")
    worse = [part for part in slices if part.against.gain.high < -gates.slice_tolerance]
    if worse:
        named = "; ".join(
            f"{part.score.column} {part.score.value} ({part.score.rows:,} rows) {_gain(part.against)}"
            for part in worse[:3]
        )
        more = f" and {len(worse) - 3} more" if len(worse) > 3 else ""
        return GateResult("slices", False, f"worse than {other} by more than {gates.slice_tolerance:g}: {named}{more}.")
    weakest = min(slices, key=lambda part: part.against.gain.value)
    return GateResult(
        "slices",
        True,
        f"none of {len(slices)} slices is worse than {other} by more than {gates.slice_tolerance:g} beyond doubt;"
        f" the weakest is {weakest.score.column} {weakest.score.value}, {_gain(weakest.against)}.",
    )


def _scores(seen: Comparison) -> str:
    return f"{WORDS[seen.metric]} {seen.candidate:.3f} against {seen.other:.3f}"


def _gain(seen: Comparison) -> str:
    return f"gain {seen.gain.value:+.3f} [{seen.gain.low:+.3f}, {seen.gain.high:+.3f}]"


def _could_show(seen: Comparison) -> str:
    return f"These {seen.rows:,} rows show a difference of {seen.detectable:.3f} or more in four of five cases."
