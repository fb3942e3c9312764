"""How large a run is, and the contenders of this area."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.data.scale import Clock
from benchmarks.data.workers import Answer, Worker
from benchmarks.frame import Aim, Row, known
from benchmarks.peers import ROOT, environment
from benchmarks.sweep.job import flights_job, made_job

__all__ = ["OURS", "Scale", "asked", "auc_row", "cold", "column", "compiled", "worker"]

OURS = "mlray"
EVERY = 1.0
"""Seconds between two looks at a contender's processes: Ray has many, and each look costs what is being measured."""
HOMES = {"tune": "raytune", "bare": "searches", "optuna": "searches", "sklearn": "searches", "flaml": "searches"}
"""Contender → its environment; the others run in ours."""
RAY = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_raylet_start_wait_time_s": "180",
}
"""What every Ray is started with, ours and the peer's."""
POINTS = 10_000
"""AUC is told in ten-thousandths: its second digit is where searches differ."""


@dataclass(frozen=True)
class Scale:
    """The size of a run."""

    quick: bool = False
    """A tenth of the rows and seconds instead of minutes: to see that all works, not to be reported."""
    rounds: int = 2
    """How often what is timed is repeated; what lasts minutes is measured once."""
    clock: Clock = field(default_factory=lambda: Clock({}))

    def pick(self, full: int, quick: int) -> int:
        """Return the number that belongs to the size."""
        return quick if self.quick else full

    @property
    def made(self) -> str:
        """The folder of the made job's rows."""
        return made_job(0.1 if self.quick else 1.0)

    @property
    def flights(self) -> str:
        """The folder of the flights."""
        return flights_job(0.1 if self.quick else 1.0)

    def say(self, what: str) -> None:
        """Print a line of progress."""
        self.clock.say(what)


def worker(name: str, **settings: str) -> Worker:
    """Start a contender; Ray's workers, which it starts, find this repository as it does."""
    home = HOMES.get(name)
    place = environment(home) if home else Path(sys.prefix)
    compiled(place)
    given = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "", **RAY, **settings}
    return Worker(name, place / "bin" / "python", package="benchmarks.sweep.contenders", every=EVERY, **given)


def compiled(place: Path) -> None:
    """Compile an environment's modules where that was not done: a cold start is not the first one after installing."""
    stamp = place / ".compiled"
    # Packages that were installed meanwhile have changed the folder; that of a new environment is new.
    packages = next(place.glob("lib/python*/site-packages"))
    if stamp.exists() and stamp.stat().st_mtime_ns >= packages.stat().st_mtime_ns:
        return
    print(f"{place}: modules are compiled", file=sys.stderr, flush=True)
    subprocess.run(
        [place / "bin" / "python", "-m", "compileall", "-q", "-j", "0", packages],
        check=False,
        stdout=subprocess.DEVNULL,
    )
    stamp.touch()


def asked(scale: Scale, name: str, job: str, **arguments: Any) -> Answer:
    """Have one job done by a contender that is started for it; its libraries are loaded before its time counts."""
    with worker(name) as contender:
        return told(scale, f"{name}, {job}", contender.ask(job, **arguments))


def cold(scale: Scale, name: str, job: str, **arguments: Any) -> Answer:
    """Have one job done from a cold start: its time counts from before its process exists."""
    begun = time.time()
    with worker(name) as contender:
        return told(scale, f"{name}, {job} from cold", contender.ask(job, begun=begun, **arguments))


def told(scale: Scale, what: str, answer: Answer) -> Answer:
    """Say what came out, and return it."""
    line = answer.value.get("line") or []
    best = f", AUC {max(score for _, score in line):.5f}" if line else ""
    wall = answer.value.get("wall", answer.seconds)
    scale.say(f"{what}: {wall:.1f} s, {answer.value.get('trials', 0)} trials{best}, {answer.cpu:.1f} CPU seconds")
    return answer


def column(answers: Sequence[Answer], read: Callable[[Mapping[str, Any]], float]) -> list[float]:
    """Return one figure of each round's value."""
    return [read(answer.value) for answer in answers]


def auc_row(what: str, ours: Sequence[float], peers: Mapping[str, Sequence[float]], aim: Aim | None = None) -> Row:
    """Return a row of scores, in ten-thousandths."""
    others = {name: [POINTS * score for score in scores] for name, scores in peers.items()}
    mine = [POINTS * score for score in ours]
    return known(what, "10⁻⁴ AUC", mine, others, better="higher", aim=aim or Aim())
