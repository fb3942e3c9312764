"""The engines: one job of filter, columns, map, join, write and group-by, on four and on twelve times the rows."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from benchmarks.data.scale import Scale, agree, column, python
from benchmarks.data.workers import Answer, Worker
from benchmarks.frame import Aim, Row, in_turn, known

OURS, POLARS, DUCKDB, IDIOM, PANDAS = "mlray", "polars", "duckdb", "Ray Data", "pandas"
MEMORY = 1300


def rows(scale: Scale) -> Iterator[Row]:
    """Yield the job on twenty million rows, all engines, Ray being warm."""
    yield from _job(scale, 20, (POLARS, DUCKDB, IDIOM), scale.rounds, _at_20)


def large_rows(scale: Scale) -> Iterator[Row]:
    """Yield the job on sixty million rows; once, for it lasts minutes."""
    yield from _job(scale, 60, (POLARS, DUCKDB), max(1, scale.rounds // 3), _at_60)


Judged = Callable[[str, Mapping[str, list[Answer]]], Iterator[Row]]


def _job(scale: Scale, count: int, peers: tuple[str, ...], rounds: int, judge: Judged) -> Iterator[Row]:
    files = scale.files(count)
    warm = [str(file) for file in _few(scale)]
    with scale.place() as place, ExitStack() as stack:
        ray = {OURS: ("ours_plan", "plan", Path(sys.executable))}
        if IDIOM in peers:
            ray[IDIOM] = ("ray_data", "idiom", python("raydata"))
        runners: dict[str, Callable[[], Answer]] = {}
        for name, (module, job, interpreter) in ray.items():
            worker = stack.enter_context(Worker(module, interpreter))
            scale.say(f"{name}: Ray starts")
            worker.ask("start")
            worker.ask(job, files=warm, out=str(place / name))
            runners[name] = _asks(scale, worker, job, files, place, name)
        for name in peers:
            if name != IDIOM:
                runners[name] = _alone(scale, name, files, place)
        found = in_turn(runners, rounds)
    agree({name: {**given[0].value, "bytes": 0} for name, given in found.items()})
    yield from judge(f"{count * scale.part / 1e6:g}M rows", found)


def _few(scale: Scale) -> list[str]:
    """Return two small files: both Rays have run the job once before it counts."""
    return Scale(rows=max(scale.rows // 50, 1000), clock=scale.clock).files(2)


def _asks(scale: Scale, worker: Worker, job: str, files: list[str], place: Path, name: str) -> Callable[[], Answer]:
    def ask() -> Answer:
        answer = worker.ask(job, files=files, out=str(place / name))
        scale.say(f"{name}: {answer.seconds:.1f} s, {answer.memory:,.0f} MB")
        return answer

    return ask


def _alone(scale: Scale, name: str, files: list[str], place: Path) -> Callable[[], Answer]:
    """Return what runs an engine in a fresh process, so that its memory is that of this job."""

    def run() -> Answer:
        with Worker("one_machine", python("engines")) as worker:
            worker.ask("load", engine=name)
            return _asks(scale, worker, name, files, place, name)()

    return run


def _at_20(size: str, found: Mapping[str, list[Answer]]) -> Iterator[Row]:
    seconds, memory = column(found, "seconds"), column(found, "memory")
    for peer, least in ((POLARS, 1 / 1.05), (IDIOM, 2.3), (DUCKDB, None)):
        against = {peer: seconds[peer]}
        yield known(f"{size}, wall, against {peer}", "s", seconds[OURS], against, aim=Aim(ratio=least))
    yield known(f"{size}, memory", "MB", memory[OURS], {POLARS: memory[POLARS]}, aim=Aim(ratio=1 / 0.6))
    others = {name: given for name, given in memory.items() if name not in (OURS, POLARS)}
    yield known(f"{size}, memory, the others", "MB", memory[OURS], others)
    yield _written(size, found)


def _at_60(size: str, found: Mapping[str, list[Answer]]) -> Iterator[Row]:
    seconds, memory = column(found, "seconds"), column(found, "memory")
    for peer, least in ((POLARS, 1 / 0.8), (DUCKDB, None)):
        against = {peer: seconds[peer]}
        yield known(f"{size}, wall, against {peer}", "s", seconds[OURS], against, aim=Aim(ratio=least))
    yield known(f"{size}, memory", "MB", memory.pop(OURS), memory, aim=Aim(ours=MEMORY))
    yield _written(size, found)


def _written(size: str, found: Mapping[str, list[Answer]]) -> Row:
    written = {name: [answer.value["bytes"] / 1e6 for answer in given] for name, given in found.items()}
    return known(f"{size}, written", "MB", written.pop(OURS), written)


def cold_rows(scale: Scale) -> Iterator[Row]:
    """Yield the job on a million rows from a shell: a process that imports, works and ends; no Ray."""
    files = scale.files(1)
    with scale.place() as place:

        def ours() -> Answer:
            return _cold(scale, "ours_plan", Path(sys.executable), "plan", files, place, on="here")

        peers = {
            name: lambda name=name: _cold(scale, "one_machine", python("engines"), name, files, place)
            for name in (PANDAS, POLARS, DUCKDB)
        }
        found = in_turn({OURS: ours, **peers}, scale.rounds + 2)
    agree({name: {**given[0].value, "bytes": 0} for name, given in found.items()})
    size = f"{scale.part / 1e6:g}M rows from cold"
    seconds, memory = column(found, "seconds"), column(found, "memory")
    yield known(f"{size}, wall", "s", seconds[OURS], {PANDAS: seconds[PANDAS]}, aim=Aim(ratio=1 / 1.2))
    others = {name: seconds[name] for name in (POLARS, DUCKDB)}
    yield known(f"{size}, wall, the others", "s", seconds[OURS], others)
    yield known(f"{size}, memory", "MB", memory.pop(OURS), memory)


def _cold(scale: Scale, module: str, interpreter: Path, job: str, files: list[str], place: Path, **more: str) -> Answer:
    with Worker(module, interpreter) as worker:
        answer = worker.ask(job, files=files, out=str(place / "cold"), **more)
        scale.say(f"{job} from cold: {worker.age:.2f} s")
        return Answer(worker.age, answer.memory, answer.value)


def group_rows(scale: Scale) -> Iterator[Row]:
    """Yield a group-by of a million rows: partial results against Ray Data's built-in aggregates."""
    files = scale.files(1)
    with ExitStack() as stack:
        ours = stack.enter_context(Worker("ours_plan"))
        theirs = stack.enter_context(Worker("ray_data", python("raydata")))
        for worker in (ours, theirs):
            worker.ask("start")
        few = _few(scale)
        runners = {OURS: lambda: ours.ask("groups", files=files), IDIOM: lambda: theirs.ask("groups", files=files)}
        ours.ask("groups", files=few)
        theirs.ask("groups", files=few)
        found = in_turn(runners, max(1, scale.rounds - 1))
    agree({name: given[0].value for name, given in found.items()})
    seconds = column(found, "seconds")
    size = f"{scale.part / 1e6:g}M rows in 300 groups"
    yield known(f"{size}, warm Ray", "s", seconds.pop(OURS), seconds, aim=Aim(ratio=20))
