"""Reading an old version through Ray Data: ours, Ray's Parquet reader, and Ray's Iceberg reader."""

from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.data.scale import Scale, agree, column, python
from benchmarks.data.workers import Answer, Worker
from benchmarks.frame import Aim, Row, in_turn, known

OURS = "mlray"


def rows(scale: Scale) -> Iterator[Row]:
    """Yield the seconds from the call to the last row, Ray and its workers being warm."""
    files = scale.files(6)
    with scale.place() as place, ExitStack() as stack:
        with Worker("iceberg", python("tables")) as worker:
            worker.ask("open", folder=str(place / "iceberg"), rows=scale.rows)
            snapshot = worker.ask("step_snapshot", name="base").value
            worker.ask("step", name="append")
        ours = stack.enter_context(Worker("ours_plan"))
        theirs = stack.enter_context(Worker("ray_data", python("raydata")))
        ours.ask("keep", files=files, folder=str(place / "store"))
        scale.say("two Rays start")
        for worker in (ours, theirs):
            worker.ask("start")
        runners = {
            OURS: lambda: ours.ask("read_version", folder=str(place / "store"), version=1),
            "read_parquet": lambda: theirs.ask("read_parquet", files=files[:5]),
            "read_iceberg": lambda: theirs.ask("read_iceberg", folder=str(place / "iceberg"), snapshot=snapshot),
        }
        first = {name: runner() for name, runner in runners.items()}
        for name, answer in first.items():
            scale.say(f"{name}: first call {answer.seconds:.2f} s")
        found = in_turn(runners, scale.rounds)
    agree({name: given[0].value["rows"] for name, given in found.items()})
    yield from _rows(found)


def _rows(found: dict[str, list[Answer]]) -> Iterator[Row]:
    seconds = column(found, "seconds")
    ours = seconds.pop(OURS)
    yield known(
        "an old version through Ray Data", "s", ours, {"read_parquet": seconds["read_parquet"]}, aim=Aim(ratio=2)
    )
    iceberg = {"read_iceberg": seconds["read_iceberg"]}
    yield known("an old version through Ray Data, against Iceberg", "s", ours, iceberg, aim=Aim(ratio=1))
    memory = column(found, "memory")
    yield known("an old version through Ray Data, memory", "MB", memory.pop(OURS), memory)
