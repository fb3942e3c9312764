"""The fixed list: against two bare processes, the physical limit, and against Tune's function API."""

from collections.abc import Iterator, Mapping
from statistics import median

from benchmarks.data.workers import Answer
from benchmarks.frame import Aim, Row, in_turn, known
from benchmarks.sweep.curves import overhead
from benchmarks.sweep.job import SLOTS
from benchmarks.sweep.scale import OURS, POINTS, Scale, asked, auc_row, column, told, worker

BARE, TUNE = "two processes", "Tune's functions"
WARMTH = ("cold", "warm")
EQUAL = 0.001
"""AUC within which two searches count as equally good."""
WITHIN, WITHIN_MANY, HALVED, LESS = 1.10, 1.03, 0.45, 20.0

Found = Mapping[str, list[Answer]]


def rows(scale: Scale) -> Iterator[Row]:
    """Yield the 64 configurations: everything trained, halved in the lane, and by Tune's functions."""
    trials, rounds = scale.pick(64, 12), scale.pick(100, 54)
    few = scale.pick(8, 2)
    folder = scale.made

    def bare() -> dict[str, Answer]:
        return {BARE: asked(scale, "bare", "train", folder=folder, trials=trials, marks=marks(rounds))}

    def ours() -> dict[str, Answer]:
        return _ours(scale, folder, trials, rounds, "whole", "halving")

    def tune() -> dict[str, Answer]:
        with worker("tune") as contender:
            contender.ask("start")
            answer = contender.ask("function", folder=folder, trials=few, rounds=rounds)
            return {TUNE: told(scale, "Tune, functions", answer)}

    found = in_turn({OURS: ours, BARE: bare, TUNE: tune}, scale.rounds)
    yield from judge(trials, {name: [one[name] for one in given] for given in found.values() for name in given[0]})


def many_rows(scale: Scale) -> Iterator[Row]:
    """Yield a thousand configurations of few rounds each, once; a shorter trial leaves less room for overhead."""
    trials, rounds = scale.pick(1000, 40), scale.pick(15, 5)
    folder = scale.made
    limit = asked(scale, "bare", "train", folder=folder, trials=trials, marks=marks(rounds))
    found = _ours(scale, folder, trials, rounds, "whole")
    name = f"{trials:,} trials of {rounds} rounds"
    for warmth in WARMTH:
        answer = found[f"whole, {warmth}"]
        against = {BARE: [limit.value["wall"]]}
        yield known(
            f"{name}, wall, lanes {warmth}", "s", [answer.value["wall"]], against, aim=Aim(ratio=1 / WITHIN_MANY)
        )
    yield known(
        f"{name}, overhead of a trial, CPU",
        "s",
        [cpu_overhead(found["whole, warm"])],
        {BARE: [cpu_overhead(limit)]},
    )


def marks(rounds: int) -> list[int]:
    """Return after which rounds ours looks at a score: the limit looks as often, and no oftener."""
    from mlray.experiments import marks as ours

    return list(ours(rounds))


def _ours(scale: Scale, folder: str, trials: int, rounds: int, *kinds: str) -> dict[str, Answer]:
    """Run each kind twice on a Ray that is up: while the lanes must be started, and once they are there."""
    found = {}
    with worker("ours") as contender:
        contender.ask("start")
        for kind in kinds:
            for warmth in WARMTH:
                halving = kind == "halving"
                answer = contender.ask("listed", folder=folder, trials=trials, rounds=rounds, halving=halving)
                found[f"{kind}, {warmth}"] = told(scale, f"mlray, {kind}, lanes {warmth}", answer)
            contender.ask("close")
    return found


def judge(trials: int, found: Found) -> Iterator[Row]:
    """Yield the rows of what was found."""
    wall = {name: column(given, lambda value: value["wall"]) for name, given in found.items()}
    for kind, least in (("whole", 1 / WITHIN), ("halving", 1 / HALVED)):
        what = f"{trials} trials{' with halving' if kind == 'halving' else ''}, wall"
        for warmth in WARMTH:
            ours = wall[f"{kind}, {warmth}"]
            yield known(f"{what}, lanes {warmth}", "s", ours, {BARE: wall[BARE]}, aim=Aim(ratio=least))
    best = {
        name: column(given, lambda value: max(score for _, score in value["line"])) for name, given in found.items()
    }
    for kind in ("whole", "halving"):
        aim = Aim(ours=round(POINTS * (median(best[BARE]) - EQUAL), 1))
        yield auc_row(f"{trials} trials, {kind}: best AUC", best[f"{kind}, cold"], {BARE: best[BARE]}, aim)
    for warmth in WARMTH:
        ours, aim = found[f"whole, {warmth}"], Aim(ratio=LESS)
        peers = {TUNE: list(map(slot_overhead, found[TUNE]))}
        limit = {BARE: list(map(slot_overhead, found[BARE]))}
        mine = list(map(slot_overhead, ours))
        yield known(f"overhead of a trial, slot, lanes {warmth}", "s", mine, peers, aim=aim)
        yield known(f"overhead of a trial, slot, lanes {warmth}, against the limit", "s", mine, limit)
    peers = {name: list(map(cpu_overhead, found[name])) for name in (BARE, TUNE)}
    for warmth in WARMTH:
        mine = list(map(cpu_overhead, found[f"whole, {warmth}"]))
        yield known(f"overhead of a trial, CPU, lanes {warmth}", "s", mine, peers)
    memory = {name: [answer.memory for answer in found[name]] for name in (BARE, TUNE)}
    yield known("memory", "MB", [answer.memory for answer in found["whole, warm"]], memory)


def slot_overhead(answer: Answer) -> float:
    """Return the seconds of a slot that a trial took above its training."""
    return overhead(SLOTS * answer.value["wall"], answer.value["training"], answer.value["trials"])


def cpu_overhead(answer: Answer) -> float:
    """Return the CPU seconds that a trial took above its training, in all processes."""
    return overhead(answer.cpu, answer.value["training"], answer.value["trials"])
