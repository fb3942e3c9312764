"""The contract's kernels on one core: rename, unit, time zone, value map and checks of 12 columns."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

from benchmarks.data.scale import Scale, agree, python
from benchmarks.data.workers import Answer, Worker
from benchmarks.frame import Aim, Row, in_turn, known

TOOLS = ("pandera", "pandera-polars", "great-expectations")
OURS = "mlray"


def rows(scale: Scale) -> Iterator[Row]:
    """Yield the rows per second of one core."""
    count = scale.part
    with ExitStack() as stack:
        ours = stack.enter_context(Worker("ours_contract"))
        ours.ask("prepare", rows=count)
        workers = {OURS: ours}
        runners: dict[str, Callable[[], Answer]] = {OURS: lambda: ours.ask("apply")}
        for tool in TOOLS:
            worker = stack.enter_context(Worker("checks", python("checks")))
            worker.ask("prepare", rows=count, tool=tool)
            workers[tool] = worker
            runners[tool] = lambda worker=worker: worker.ask("apply")
            scale.say(f"{tool} is ready")
        for runner in runners.values():
            runner()  # the first call of each imports and compiles
        agree({name: worker.ask("made").value for name, worker in workers.items()})
        found = in_turn(runners, scale.rounds + 2)
    agree({name: given[0].value for name, given in found.items()})
    pace = {name: [count / answer.seconds / 1e6 for answer in given] for name, given in found.items()}
    mine = pace.pop(OURS)
    size = f"{count / 1e6:g}M rows × 12 on one core"
    yield known(f"{size}, a second", "million rows", mine, pace, better="higher", aim=Aim(ours=5))
    memory = {name: [answer.memory for answer in given] for name, given in found.items()}
    yield known(f"{size}, memory", "MB", memory.pop(OURS), memory)
