"""From a cold start on the flights: the best AUC after 15 and 60 seconds, three seeds, one after another."""

from collections.abc import Iterator, Mapping

from benchmarks.data.workers import Answer
from benchmarks.frame import Aim, Row, in_turn, known
from benchmarks.sweep.curves import at, common, reached
from benchmarks.sweep.scale import OURS, Scale, auc_row, cold, worker

OPTUNA, FLAML = "Optuna in threads", "FLAML"
NO_RAY, OWN_RAY = "without a Ray", "Ray's start included"
AT_LEAST_EQUAL = Aim(ratio=1.0)


def rows(scale: Scale) -> Iterator[Row]:
    """Yield the rows. Ours joins a Ray that runs, as on a cluster; two rows tell of other beginnings."""
    seconds, seeds = (scale.pick(15, 5), scale.pick(60, 10)), scale.pick(3, 1)
    rounds, folder = scale.pick(200, 50), scale.flights
    number = {name: iter(range(seeds)) for name in (OURS, NO_RAY, OWN_RAY, OPTUNA, FLAML)}

    def ours(name: str, until: int, address: str | None) -> Answer:
        more = {"trials": 10_000, "rounds": rounds, "seconds": until, "seed": next(number[name])}
        return cold(scale, "ours", "search", folder=folder, address=address, **more)

    def joined() -> Answer:
        # A Ray of its own for each run: an idle one would take CPU from the peers.
        with worker("ours") as head:
            return ours(OURS, seconds[1], head.ask("start").value)

    def optuna() -> Answer:
        more = {"rounds": rounds, "seconds": seconds[1], "seed": next(number[OPTUNA])}
        return cold(scale, "optuna", "threads", folder=folder, **more)

    def flaml() -> Answer:
        more = {"rounds": None, "seconds": seconds[1], "seed": next(number[FLAML])}
        return cold(scale, "flaml", "fit", folder=folder, **more)

    found = in_turn({OURS: joined, OPTUNA: optuna, FLAML: flaml}, seeds)
    elsewhere = {NO_RAY: None, OWN_RAY: "local"}
    others = in_turn(
        {name: lambda name=name: ours(name, seconds[0], elsewhere[name]) for name in elsewhere},
        seeds,
    )
    yield from judge(seconds, found, others)


def judge(
    seconds: tuple[int, int], found: Mapping[str, list[Answer]], others: Mapping[str, list[Answer]]
) -> Iterator[Row]:
    """Yield what was seen after so many seconds, how soon the same was seen, and what it is worth on later rows."""
    lines = {name: [answer.value["line"] for answer in given] for name, given in found.items()}
    peers = (OPTUNA, FLAML)
    for moment in seconds:
        seen = {name: [at(line, moment) for line in given] for name, given in lines.items()}
        yield auc_row(f"flights: AUC after {moment} s", seen.pop(OURS), seen, AT_LEAST_EQUAL)
        if moment != seconds[0]:
            continue
        for name, given in others.items():
            mine = [at(answer.value["line"], moment) for answer in given]
            yield auc_row(f"flights: AUC after {moment} s, {name}", mine, seen, AT_LEAST_EQUAL)
    for peer in peers:
        times: dict[str, list[float]] = {OURS: [], peer: []}
        for mine, theirs in zip(lines[OURS], lines[peer], strict=True):
            pair = {OURS: mine, peer: theirs}
            for name, line in pair.items():
                times[name].append(reached(line, common(pair)))
        what = f"flights: wall to the same AUC, against {peer}"
        yield known(what, "s", times[OURS], {peer: times[peer]}, aim=AT_LEAST_EQUAL)
    first = {name: [line[0][0] if line else float(seconds[1]) for line in given] for name, given in lines.items()}
    yield known("flights: first result, from a cold start", "s", first.pop(OURS), first)
    test = {name: [answer.value["test"] or 0.5 for answer in given] for name, given in found.items()}
    yield auc_row(f"flights: AUC on later rows of what was best after {seconds[1]} s", test.pop(OURS), test)
