"""How long until the same AUC: the searches that people run on one machine, on the made job and on the flights."""

import math
from collections.abc import Callable, Iterator, Mapping

from benchmarks.data.workers import Answer
from benchmarks.frame import Aim, Row, in_turn, known
from benchmarks.sweep.curves import at, common, reached
from benchmarks.sweep.scale import OURS, Scale, asked, auc_row, told, worker

JOBLIB, RANDOMIZED, HALVING, FLAML = "Optuna + joblib", "RandomizedSearchCV", "HalvingRandomSearchCV", "FLAML"
LISTED, SEARCHED = f"{OURS}, the list", OURS
AGAINST = {JOBLIB: SEARCHED, RANDOMIZED: LISTED, HALVING: LISTED, FLAML: SEARCHED}
"""Peer → which of ours it is compared with: those that are given the fixed list with our halving of the same list,
those that search for themselves with our own search over the same space."""
EQUALLY_FAST = Aim(ratio=1.0)


def rows(scale: Scale) -> Iterator[Row]:
    """Yield the made job."""
    trials, rounds, seconds = scale.pick(64, 12), scale.pick(100, 30), scale.pick(30, 8)
    yield from _rows(scale, "made", scale.made, trials, rounds, seconds, scale.rounds)


def flights_rows(scale: Scale) -> Iterator[Row]:
    """Yield the flights, with fewer configurations, and once."""
    trials, rounds, seconds = scale.pick(24, 6), scale.pick(100, 30), scale.pick(20, 8)
    yield from _rows(scale, "flights", scale.flights, trials, rounds, seconds, 1)


def _rows(scale: Scale, name: str, folder: str, trials: int, rounds: int, seconds: int, repeats: int) -> Iterator[Row]:
    job = {"folder": folder, "trials": trials, "rounds": rounds}

    def ours() -> dict[str, Answer]:
        with worker("ours") as contender:
            contender.ask("start")
            listed = told(scale, LISTED, contender.ask("listed", **job, halving=True))
            contender.ask("close")
            searched = told(scale, SEARCHED, contender.ask("search", **job, seed=0, seconds=None))
        return {LISTED: listed, SEARCHED: searched}

    def alone(peer: str, contender: str, what: str, **more: object) -> Callable[[], dict[str, Answer]]:
        return lambda: {peer: asked(scale, contender, what, **{**job, **more})}

    def flaml() -> dict[str, Answer]:
        answer = asked(scale, "flaml", "fit", folder=folder, rounds=rounds, seed=0, seconds=seconds)
        return {FLAML: answer}

    runners = {
        OURS: ours,
        JOBLIB: alone(JOBLIB, "optuna", "joblib", seed=0),
        RANDOMIZED: alone(RANDOMIZED, "sklearn", "randomized"),
        HALVING: alone(HALVING, "sklearn", "halving"),
        FLAML: flaml,
    }
    found = in_turn(runners, repeats)
    yield from judge(name, {who: [one[who] for one in given] for given in found.values() for who in given[0]})


def judge(name: str, found: Mapping[str, list[Answer]]) -> Iterator[Row]:
    """Yield for each peer the time that both took to the AUC that both reached, and the AUC that each ended with."""
    for peer, own in AGAINST.items():
        times: dict[str, list[float]] = {own: [], peer: []}
        best: dict[str, list[float]] = {own: [], peer: []}
        for mine, theirs in zip(found[own], found[peer], strict=True):
            lines = {own: mine.value["line"], peer: theirs.value["line"]}
            target = common(lines)
            for who, line in lines.items():
                times[who].append(reached(line, target))
                best[who].append(at(line, math.inf))
        what = f"{name}: wall to the same AUC, against {peer}"
        yield known(what, "s", times[own], {peer: times[peer]}, aim=EQUALLY_FAST)
        yield auc_row(f"{name}: AUC in the end, against {peer}", best[own], {peer: best[peer]})
