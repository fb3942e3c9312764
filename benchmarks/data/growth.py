"""Ingestion as data grow: time of a million rows, and memory."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.data.scale import Scale
from benchmarks.data.workers import Answer, Worker
from benchmarks.frame import Aim, Row, known

COUNTS = (5, 20, 60)


def rows(scale: Scale) -> Iterator[Row]:
    """Yield what ingesting 5, 20 and 60 files takes, once each, on a warm Ray."""
    files = scale.files(COUNTS[-1])
    found: dict[int, Answer] = {}
    with scale.place() as place, Worker("ours_plan") as worker:
        worker.ask("start")
        for count in (2, *COUNTS):  # the first one warms up
            source = place / f"source-{count}"
            source.mkdir()
            for file in files[:count]:
                (source / Path(file).name).hardlink_to(file)
            found[count] = worker.ask("take_in", folder=str(source), pattern="*.parquet", store=str(place / "store"))
            scale.say(f"{count} files: {found[count].seconds:.1f} s, {found[count].memory:,.0f} MB")
    least = found[COUNTS[0]]
    pace = least.seconds / COUNTS[0]
    for count in COUNTS:
        size, answer = f"ingest of {count * scale.part / 1e6:g}M rows", found[count]
        aim = Aim(ours=round(1.1 * pace, 3)) if count != COUNTS[0] else Aim()
        yield known(f"{size}, wall per file", "s", [answer.seconds / count], aim=aim)
        aim = Aim(ours=round(1.2 * least.memory)) if count != COUNTS[0] else Aim()
        yield known(f"{size}, memory", "MB", [answer.memory], aim=aim)
