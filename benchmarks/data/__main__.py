"""The command line: all sections, or those named, each printed and written when it is done."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version

from benchmarks import frame
from benchmarks.data import commits, contracts, engines, growth, labels, reading, versions
from benchmarks.data.scale import Clock, Scale
from benchmarks.frame import Row
from benchmarks.peers import pinned

Section = Callable[[Scale], Iterator[Row]]

SECTIONS: dict[str, tuple[Section, float, tuple[tuple[str, str], ...]]] = {
    "bytes": (versions.bytes_rows, 120, (("pyiceberg", "tables"), ("deltalake", "tables"), ("dvc", "tables"))),
    "scattered": (versions.scattered_rows, 90, (("pyiceberg", "tables"), ("deltalake", "tables"))),
    "read": (reading.rows, 90, (("ray", "raydata"), ("pyiceberg", "raydata"))),
    "engines": (engines.rows, 330, (("polars", "engines"), ("duckdb", "engines"), ("ray", "raydata"))),
    "engines-large": (engines.large_rows, 200, (("polars", "engines"), ("duckdb", "engines"))),
    "cold": (engines.cold_rows, 60, (("pandas", "engines"), ("polars", "engines"), ("duckdb", "engines"))),
    "groups": (engines.group_rows, 90, (("ray", "raydata"),)),
    "contract": (contracts.rows, 40, (("pandera", "checks"), ("great-expectations", "checks"))),
    "commits": (commits.rows, 90, ()),
    "growth": (growth.rows, 150, ()),
    "labels": (labels.rows, 40, (("cleanlab", "labels"),)),
}
"""Section → what measures it, the seconds it takes on two cores, and the peers whose versions are told."""

FIXED = 0.3
"""The share of a section's time that does not depend on rows: processes and Rays that start."""


def main() -> None:
    """Run the sections and print their rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.data")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="a section; may be given several times")
    parser.add_argument("--rows", type=int, default=Scale.rows, help="rows of the stores' table (5 million)")
    parser.add_argument("--rounds", type=int, default=Scale.rounds, help="rounds of what is measured in turn (3)")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    parser.add_argument("--write", action="store_true", help="write results/data-<section>.json and README.md's tables")
    wanted = parser.parse_args()
    names = wanted.only or list(SECTIONS)
    clock = Clock({name: SECTIONS[name][1] * (FIXED + (1 - FIXED) * wanted.rows / Scale.rows) for name in names})
    scale = Scale(wanted.rows, wanted.rounds, clock)
    rows = []
    for name in names:
        clock.begin(name)
        facts = facts_of(name, scale)
        found = list(SECTIONS[name][0](scale))
        rows += found
        if not wanted.json:
            print(f"\n{frame.table(found)}\n", flush=True)
        if wanted.write:
            frame.write(f"data-{name}", facts, found)
    if wanted.json:
        print(json.dumps([row.to_json() for row in rows], indent=1, ensure_ascii=False))
    clock.begin("")
    missed = [row.what for row in rows if row.met is False]
    clock.say(
        f"{len(rows)} figures, {len(missed)} of them short of their aim{': ' if missed else ''}{'; '.join(missed)}"
    )


def facts_of(name: str, scale: Scale) -> dict[str, object]:
    """Return what a reader of the section's figures must know."""
    ours = {"mlray": version("mlray"), "pyarrow": version("pyarrow"), "ray (ours)": version("ray")}
    return {
        "area": f"data-{name}",
        "at": datetime.now(UTC).strftime("%Y-%m-%d"),
        "quick": scale.rows < Scale.rows,
        "rows": scale.rows,
        "rounds": scale.rounds,
        "machine": frame.machine(),
        "versions": ours | {peer: pinned(peer, among) for peer, among in SECTIONS[name][2]},
    }


if __name__ == "__main__":
    sys.exit(main())
