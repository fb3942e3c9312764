"""Label problems: our confident learning and cleanlab's, on the same out-of-fold probabilities of noisy labels."""

from collections.abc import Iterator

from benchmarks.data.scale import Scale, python
from benchmarks.data.workers import Answer, Worker
from benchmarks.frame import Row, known

OURS, PEER = "mlray", "cleanlab"
SHARE = 0.08


def rows(scale: Scale) -> Iterator[Row]:
    """Yield precision and recall on the digits' images and on made classes, a seed per round, and the time."""
    with scale.place() as place, Worker("ours_labels") as ours, Worker("labels", python("labels")) as theirs:
        for what, count in (("digits", 0), ("made classes", max(2000, scale.rows // 100))):
            found: dict[str, list[Answer]] = {OURS: [], PEER: []}
            for seed in range(scale.rounds):
                file = str(place / f"{what}-{seed}.npz")
                made = theirs.ask("make", file=file, rows=count, share=SHARE, seed=seed).value
                scale.say(f"{what}: {made['wrong']} of {made['rows']} labels are wrong")
                for name, worker in ((OURS, ours), (PEER, theirs)):
                    found[name].append(worker.ask("find", file=file))
            for figure in ("precision", "recall"):
                values = {name: [answer.value[figure] for answer in given] for name, given in found.items()}
                yield known(f"wrong labels, {what}: {figure}", "", values.pop(OURS), values, better="higher")
            seconds = {name: [answer.seconds for answer in given] for name, given in found.items()}
            yield known(f"wrong labels, {what}: wall", "s", seconds.pop(OURS), seconds)
