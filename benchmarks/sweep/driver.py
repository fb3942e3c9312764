"""The driver alone: configurations that cost nothing, ten thousand of them, and what they leave behind."""

from collections.abc import Iterator
from tempfile import TemporaryDirectory

from benchmarks.frame import Aim, Row, known
from benchmarks.sweep.scale import OURS, Scale, told, worker

TUNE = "Tune, actors used again"
FLAT = 32.0
"""MB by which a driver may grow over the last four fifths of the trials: their records stay, and nothing else."""


def rows(scale: Scale) -> Iterator[Row]:
    """Yield trivial configurations a second, and memory and disk as they grow."""
    trials, few, searched = scale.pick(10_000, 400), scale.pick(200, 10), scale.pick(2000, 60)
    with TemporaryDirectory(prefix="mlr-bench-") as place, worker("ours", TMPDIR=place) as contender:
        contender.ask("start")
        contender.ask("trivial", trials=64, search="random", folder=f"{place}/warm")
        answer = contender.ask("trivial", trials=trials, search="random", folder=f"{place}/random")
        random = told(scale, f"{OURS}, chance", answer)
        answer = contender.ask("trivial", trials=searched, search=None, folder=f"{place}/searched")
        tpe = told(scale, f"{OURS}, its search", answer)
    with worker("tune") as contender:
        contender.ask("start")
        contender.ask("trivial", trials=4)
        tune = told(scale, TUNE, contender.ask("trivial", trials=few))

    def pace(answer_value: dict[str, float]) -> float:
        return answer_value["trials"] / answer_value["wall"]

    against = {TUNE: [pace(tune.value)]}
    yield known(
        f"{trials:,} trivial configurations, a second",
        "1/s",
        [pace(random.value)],
        against,
        better="higher",
        aim=Aim(ours=500),
    )
    what = f"{searched:,} trivial configurations, the default search, a second"
    yield known(what, "1/s", [pace(tpe.value)], against, better="higher")
    before, after = random.value["memory"]
    what = f"driver memory: growth from trial {trials // 5:,} to {trials:,}"
    yield known(what, "MB", [max(0.0, after - before)], aim=Aim(ours=FLAT))
    for what, figure, aim in (("all that is written", "disk", Aim(ours=10)), ("the journal", "journal", Aim())):
        size = 1000 * random.value[figure] / 1e6 / trials
        yield known(f"disk of 1,000 trials, {what}", "MB", [size], aim=aim)
