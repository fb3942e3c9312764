"""Versions: the bytes of seven, a scattered update, and the difference of two."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import pairwise

from benchmarks.data.contenders.steps import STEPS
from benchmarks.data.scale import Scale, agree, column, python
from benchmarks.data.workers import Worker
from benchmarks.frame import Aim, Row, in_turn, known

PEERS = ("iceberg", "delta", "dvc", "chunks", "copies")
KEYED = ("iceberg", "delta")
OURS = "mlray"
MB = "MB"


def _worker(name: str) -> Worker:
    if name == OURS:
        return Worker("ours_store")
    return Worker(name, python("tables"), DVC_NO_ANALYTICS="1")


def bytes_rows(scale: Scale) -> Iterator[Row]:
    """Yield what seven versions of one table cost: bytes, which are exact, and seconds of each step, once."""
    scale.files(5)
    added: dict[str, list[float]] = {}
    seconds: dict[str, list[float]] = {}
    facts: dict[str, object] = {}
    with scale.place() as place:
        for name in (OURS, *PEERS):
            with _worker(name) as worker:
                worker.ask("open", folder=str(place / name), rows=scale.rows)
                sizes = [0.0]
                seconds[name] = []
                for step in STEPS:
                    seconds[name].append(worker.ask("step", name=step).seconds)
                    sizes.append(worker.ask("size").value / 1e6)
                added[name] = [after - before for before, after in pairwise(sizes)]
                facts[name] = [worker.ask("read", version=version).value for version in range(1, len(STEPS) + 1)]
                scale.say(f"{name}: {sizes[-1]:.1f} MB for {len(STEPS)} versions")
    agree(facts)
    yield from _totals(added)
    for number, step in enumerate(STEPS):
        aim = Aim(ours=0.5 * scale.rows / 5e6) if step == "scattered" else Aim()
        yield _one(f"'{step}', added", MB, added, number, aim=aim)
    for number, step in enumerate(STEPS):
        yield _one(f"'{step}', wall", "s", seconds, number)


def _one(what: str, unit: str, values: Mapping[str, list[float]], number: int, *, aim: Aim = Aim()) -> Row:  # noqa: B008
    picked = {name: [given[number]] for name, given in values.items()}
    return known(what, unit, picked.pop(OURS), picked, aim=aim)


def _totals(added: Mapping[str, list[float]]) -> Iterator[Row]:
    total = {name: [sum(given)] for name, given in added.items()}
    ours = total.pop(OURS)
    yield known("seven versions", MB, ours, total, aim=Aim(ours=1.15 * added[OURS][0]))
    for names, least in ((("iceberg",), 1 / 0.35), (("dvc", "delta"), 1 / 0.25)):
        peers = {name: total[name] for name in names}
        yield known(f"seven versions, against {' and '.join(names)}", MB, ours, peers, aim=Aim(ratio=least))


def scattered_rows(scale: Scale) -> Iterator[Row]:
    """Yield time and bytes of one update of 1 % of a column, and the time of a difference, over the rounds."""
    scale.files(5)
    with scale.place() as place, ExitStack() as stack:
        workers = {name: stack.enter_context(_worker(name)) for name in (OURS, *KEYED)}
        for name, worker in workers.items():
            worker.ask("open", folder=str(place / name), rows=scale.rows)
            worker.ask("step", name="base")
        rounds = dict.fromkeys(workers, 0)

        def update(name: str) -> tuple[float, float]:
            rounds[name] += 1
            worker = workers[name]
            worker.ask("prepare", seed=100 + rounds[name])
            before = worker.ask("size").value
            seconds = worker.ask("step", name="scattered").seconds
            scale.say(f"{name}: 1 % scattered in {seconds:.2f} s")
            return seconds, (worker.ask("size").value - before) / 1e6

        # The first of each is not counted: imports and caches.
        found = in_turn({name: lambda name=name: update(name) for name in workers}, scale.rounds + 1)
        agree({name: worker.ask("read", version=2).value for name, worker in workers.items()})
        diffs = in_turn(
            {name: lambda name=name: workers[name].ask("diff", old=1, new=2) for name in (OURS, "iceberg")},
            scale.rounds,
        )
    yield from _scattered(scale, {name: given[1:] for name, given in found.items()})
    agree({name: given[0].value for name, given in diffs.items()})
    seconds = column(diffs, "seconds")
    ours = [1000 * value for value in seconds.pop(OURS)]
    theirs = {name: [1000 * value for value in given] for name, given in seconds.items()}
    yield known("difference of two versions", "ms", ours, theirs, aim=Aim(ours=50))


def _scattered(scale: Scale, found: Mapping[str, list[tuple[float, float]]]) -> Iterator[Row]:
    seconds = {name: [one[0] for one in given] for name, given in found.items()}
    size = {name: [one[1] for one in given] for name, given in found.items()}
    ours = seconds.pop(OURS)
    yield known("1 % scattered, wall", "s", ours, {"iceberg": seconds["iceberg"]}, aim=Aim(ratio=4))
    yield known("1 % scattered, wall, against delta", "s", ours, {"delta": seconds["delta"]})
    yield known("1 % scattered, added", MB, size.pop(OURS), size, aim=Aim(ours=0.5 * scale.rows / 5e6))
