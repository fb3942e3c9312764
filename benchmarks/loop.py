"""The whole loop: the main job by stage, the command line's start, and what an installation takes.

Peers: Metaflow and MLflow as a newcomer meets them, and `stack`, the five that mlray is built on, alone.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

from benchmarks.frame import Aim, Row, compare, known, main
from benchmarks.peers import BENCH, HERE, ROOT, environment, install, installed_size, pinned
from benchmarks.processes import Usage, cpu_seconds, run_sampled, within

PEERS = ("metaflow", "mlflow")
BASE = "stack"
MB = "MB"


def rows(quick: bool) -> Iterator[Row]:  # noqa: FBT001 (the frame calls it)
    """Yield the area's rows, the cheap ones first."""
    yield from help_rows(quick)
    yield from install_rows(quick)
    yield from job_rows(quick)


def help_rows(quick: bool) -> Iterator[Row]:  # noqa: FBT001
    """Yield what `--help` costs; a first call of each, which may compile, is not counted."""
    commands = {"mlray": [str(Path(sys.prefix) / "bin" / "mlray"), "--help"]}
    for peer in PEERS:
        commands[peer] = [str(environment(peer) / "bin" / peer), "--help"]
    for command in commands.values():
        cpu_seconds(command)
    runners = {name: lambda command=command: cpu_seconds(command) for name, command in commands.items()}
    ours = runners.pop("mlray")
    rounds = 3 if quick else 11
    yield compare("--help, CPU", "s", ours, runners, rounds=rounds, aim=Aim(ours=0.3, ratio=2))


def install_rows(quick: bool) -> Iterator[Row]:  # noqa: FBT001
    """Yield size, packages and time of an installation; the time from a filled cache, without a network."""
    wanted = {"mlray": ["--constraints", str(ROOT / "requirements.lock"), str(ROOT)]}
    wanted |= {peer: ["--requirements", str(HERE / "requirements" / f"{peer}.txt")] for peer in (BASE, *PEERS)}
    folders = {name: BENCH / "install" / name for name in wanted}
    for name, what in wanted.items():
        install(folders[name], what)
    sizes = {name: [installed_size(folder)] for name, folder in folders.items()}
    yield known("installed size", MB, sizes.pop("mlray"), sizes, aim=Aim(ours=1.3 * sizes[BASE][0]))
    counts = {name: [float(packages(folder))] for name, folder in folders.items()}
    yield known("packages", "", counts.pop("mlray"), counts, aim=Aim(ours=counts[BASE][0] + 12))

    def again(name: str) -> float:
        shutil.rmtree(folders[name])
        start = time.monotonic()
        install(folders[name], [*wanted[name], "--offline"])
        return time.monotonic() - start

    runners = {name: lambda name=name: again(name) for name in wanted}
    ours = runners.pop("mlray")
    yield compare("installation from the cache, wall", "s", ours, runners, rounds=1 if quick else 3)


def packages(folder: Path) -> int:
    """Return how many packages an environment holds."""
    return sum(1 for _ in folder.glob("lib/python*/site-packages/*.dist-info"))


def job_rows(quick: bool) -> Iterator[Row]:  # noqa: FBT001
    """Yield wall, CPU and memory of the main job as a whole and by stage; once, for it lasts minutes."""
    with tempfile.TemporaryDirectory(prefix="mlr-bench-") as place:
        project = Path(place) / "flights"
        shutil.copytree(ROOT / "jobs" / "flights", project, ignore=shutil.ignore_patterns(".mlray", "__pycache__"))
        command = [str(Path(sys.prefix) / "bin" / "mlray"), "run", str(project), "--json"]
        usage = run_sampled([*command, *(["--until", "2013-05-01"] if quick else [])])
    yield from stages(usage)


def stages(usage: Usage) -> Iterable[Row]:
    """Return the rows of one run of the main job, from its samples and from what it says about its stages.

    The stages follow one another; what the run does not account for (loading Python's modules, ending Ray) is halved
    between before and after them, which moves a border by a second or two at most.
    """
    seconds: dict[str, float] = json.loads(usage.output)["seconds"]
    whole, memory = within(usage.samples, 0, usage.wall)
    found = [
        known("main job, wall", "s", [usage.wall], aim=Aim(ours=180)),
        known("main job, CPU", "s", [whole]),
        known("main job, peak memory", MB, [memory]),
        known("main job, processes left behind", "", [usage.left_running], aim=Aim(ours=0)),
    ]
    begin = (usage.wall - sum(seconds.values())) / 2
    for stage, wall in seconds.items():
        cpu, peak = within(usage.samples, begin, begin + wall)
        found += [
            known(f"stage '{stage}', wall", "s", [wall]),
            known(f"stage '{stage}', CPU", "s", [cpu]),
            known(f"stage '{stage}', peak memory", MB, [peak]),
        ]
        begin += wall
    return found


def versions() -> dict[str, str]:
    """Return what was compared."""
    uses = ("ray", "mlflow", "xgboost-cpu")
    return {
        "mlray": version("mlray"),
        **{f"with {name}": version(name) for name in uses},
        **{p: pinned(p) for p in PEERS},
    }


if __name__ == "__main__":
    try:
        main("loop", rows, versions)
    except subprocess.CalledProcessError as error:
        print(f"{error}\n{error.output or ''}", file=sys.stderr)
        raise SystemExit(1) from error
