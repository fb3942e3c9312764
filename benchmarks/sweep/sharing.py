"""Two teams on one Ray: how long the second waits for its first result, and who has how much of the machine."""

import math
import time
from collections.abc import Iterator, Sequence
from threading import Thread

from benchmarks.data.workers import Answer, Worker
from benchmarks.frame import Aim, Row, known
from benchmarks.sweep.curves import busy, share_error
from benchmarks.sweep.scale import Scale, told, worker

TUNE = "two Tuners"
PACK = 2.0
"""Seconds that a pack is meant to take."""
APART = 5.0
"""Percent by which a team's share may be off a half."""


def rows(scale: Scale) -> Iterator[Row]:
    """Yield the wait of the second team and the error of the shares; once, for it lasts minutes."""
    alone, shared = scale.pick(15, 6), scale.pick(60, 10)
    with worker("ours") as head, worker("ours") as one, worker("ours") as other:
        address = head.ask("start").value
        for team in (one, other):
            team.ask("join", address=address)
        first, second, asked = _both(scale, one, other, alone, shared)
    with worker("tune") as contender:
        contender.ask("start")
        trials = scale.pick(40, 6), scale.pick(4, 2)
        tune = told(scale, TUNE, contender.ask("teams", first=trials[0], second=trials[1], seconds=1.0)).value
    wait = min(tune["ended"][1]) - tune["asked"]
    yield from judge(first.value["spans"], second.value["spans"], asked, shared, wait)


def _both(scale: Scale, one: Worker, other: Worker, alone: float, shared: float) -> tuple[Answer, Answer, float]:
    """Let the first team work alone for a while, then both; return what each told, and when the second had asked."""
    found: dict[str, Answer] = {}
    whole = alone + shared + 15

    def run(name: str, team: Worker, seconds: float) -> None:
        job = {"folder": scale.made, "rounds": scale.pick(100, 30), "seed": ord(name)}
        answer = team.ask("team", tenant=name, seconds=seconds, **job)
        found[name] = told(scale, f"team {name}", answer)

    first = Thread(target=run, args=("a", one, whole))
    first.start()
    time.sleep(alone)
    asked = time.time()
    run("b", other, shared + 10)
    first.join()
    return found["a"], found["b"], asked


def judge(
    first: Sequence[Sequence[float]], second: Sequence[Sequence[float]], asked: float, shared: float, tune: float
) -> Iterator[Row]:
    """Yield the rows from when each team's trials ran, (from, to) in seconds of the same clock."""
    begin = min((end for _, end in second), default=math.inf)
    wait = begin - asked
    yield known("second team's first result", "s", [wait], {TUNE: [tune]}, aim=Aim(ours=PACK))
    end = begin + shared
    mine, theirs = (busy([(a, b) for a, b in spans], begin, end) for spans in (first, second))
    what = f"share of the second of two equal teams over {shared:.0f} s: off a half by"
    yield known(what, "%", [share_error(mine, theirs)], aim=Aim(ours=APART))
    yield known(f"slots at work over these {shared:.0f} s", "", [(mine + theirs) / shared])
