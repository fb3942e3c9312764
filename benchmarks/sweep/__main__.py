"""The command line: all sections, or those named, each printed and written when it is done."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version

from benchmarks import frame
from benchmarks.data.scale import Clock
from benchmarks.frame import Row
from benchmarks.peers import pinned
from benchmarks.sweep import anytime, driver, limits, same, sharing
from benchmarks.sweep.scale import Scale

Section = Callable[[Scale], Iterator[Row]]
SEARCHES = (("optuna", "searches"), ("joblib", "searches"), ("scikit-learn", "searches"), ("flaml", "searches"))
RAY = ("ray", "raytune")
XGBOOST = ("xgboost-cpu", "searches")

SECTIONS: dict[str, tuple[Section, float, float, tuple[tuple[str, str], ...]]] = {
    "limit": (limits.rows, 400, 60, (RAY, XGBOOST)),
    "many": (limits.many_rows, 240, 30, (XGBOOST,)),
    "same": (same.rows, 330, 60, (*SEARCHES, XGBOOST)),
    "same-flights": (same.flights_rows, 100, 60, (*SEARCHES, XGBOOST)),
    "anytime": (anytime.rows, 690, 60, (("optuna", "searches"), ("flaml", "searches"), XGBOOST)),
    "driver": (driver.rows, 100, 40, (RAY,)),
    "sharing": (sharing.rows, 190, 60, (RAY,)),
}
"""Section → what measures it, the seconds it takes on two cores, those of a quick run, the peers that are named."""


def main() -> None:
    """Run the sections and print their rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="a section; may be given several times")
    parser.add_argument("--quick", action="store_true", help="tiny sizes; for trying, not for reporting")
    parser.add_argument("--rounds", type=int, help="rounds of what is measured in turn (2; quick: 1)")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    parser.add_argument(
        "--write", action="store_true", help="write results/sweep-<section>.json and README.md's tables"
    )
    wanted = parser.parse_args()
    names = wanted.only or list(SECTIONS)
    rounds = wanted.rounds or (1 if wanted.quick else Scale.rounds)
    clock = Clock({name: SECTIONS[name][2 if wanted.quick else 1] for name in names})
    scale = Scale(wanted.quick, rounds, clock)
    rows = []
    for name in names:
        clock.begin(name)
        facts = facts_of(name, scale)
        found = list(SECTIONS[name][0](scale))
        rows += found
        if not wanted.json:
            print(f"\n{frame.table(found)}\n", flush=True)
        # What a quick run finds is never published.
        if wanted.write and not wanted.quick:
            frame.write(f"sweep-{name}", facts, found)
    if wanted.json:
        print(json.dumps([row.to_json() for row in rows], indent=1, ensure_ascii=False))
    clock.begin("")
    missed = [row.what for row in rows if row.met is False]
    clock.say(
        f"{len(rows)} figures, {len(missed)} of them short of their aim{': ' if missed else ''}{'; '.join(missed)}"
    )


def facts_of(name: str, scale: Scale) -> dict[str, object]:
    """Return what a reader of the section's figures must know."""
    ours = {"mlray": version("mlray"), "ray (ours)": version("ray"), "xgboost-cpu (ours)": version("xgboost-cpu")}
    return {
        "area": f"sweep-{name}",
        "at": datetime.now(UTC).strftime("%Y-%m-%d"),
        "quick": scale.quick,
        "rounds": scale.rounds,
        "machine": frame.machine(),
        "versions": ours | {peer: pinned(peer, among) for peer, among in SECTIONS[name][3]},
    }


if __name__ == "__main__":
    sys.exit(main())
