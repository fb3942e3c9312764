"""The frame that every area shares: rows, their arithmetic, and where they are written. No measuring happens here."""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Literal, TypeVar

__all__ = ["Aim", "Measure", "Row", "compare", "in_turn", "known", "main", "replace_between", "table"]

HERE = Path(__file__).parent
Value = TypeVar("Value")
Measure = Callable[[], float]
"""One measurement; what it returns is in the row's unit."""


@dataclass(frozen=True)
class Aim:
    """What a row should reach: `ours` is the worst allowed value, `ratio` the least ratio to the peers."""

    ours: float | None = None
    ratio: float | None = None

    def text(self, unit: str, better: str) -> str:
        """Return the aim in words."""
        sign = "≤" if better == "lower" else "≥"
        parts = [f"{sign} {_figure(self.ours)} {unit}".rstrip()] if self.ours is not None else []
        return ", ".join(parts + ([f"ratio ≥ {_figure(self.ratio)}"] if self.ratio is not None else []))

    def met(self, ours: float, ratio: float | None, better: str) -> bool | None:
        """Return whether it is reached; None where there is no aim, or no peer was measured to compare with."""
        verdicts = []
        if self.ours is not None:
            verdicts.append(ours <= self.ours if better == "lower" else ours >= self.ours)
        if self.ratio is not None:
            verdicts.append(None if ratio is None else ratio >= self.ratio)
        if not verdicts or None in verdicts:
            return None
        return all(verdicts)


NO_AIM = Aim()


@dataclass(frozen=True)
class Row:
    """One thing measured: medians of ours and of each peer, and how many times better ours is than the best peer."""

    what: str
    unit: str
    ours: float
    peers: Mapping[str, float] = field(default_factory=dict)
    ratio: float | None = None
    """Above 1: ours is better. The median over the rounds, each round's values taken close in time."""
    spread: tuple[float, float] | None = None
    """The smallest and the largest ratio of any round."""
    aim: str = ""
    met: bool | None = None

    def to_json(self) -> dict[str, object]:
        """Return the row as it is printed by --json."""
        return {
            "what": self.what,
            "ours": self.ours,
            "peers": dict(self.peers),
            "unit": self.unit,
            "ratio": self.ratio,
            "spread": list(self.spread) if self.spread else None,
            "aim": self.aim,
            "met": self.met,
        }


def compare(
    what: str,
    unit: str,
    ours: Measure,
    peers: Mapping[str, Measure] = {},
    *,
    rounds: int = 5,
    better: Literal["lower", "higher"] = "lower",
    aim: Aim = NO_AIM,
) -> Row:
    """Measure ours and the peers in turn, `rounds` times, and return their medians with the paired ratio.

    Who begins changes from round to round, so that a machine that warms up or slows down favours nobody.
    """
    taken = in_turn({"mlray": ours, **peers}, rounds)
    return known(what, unit, taken.pop("mlray"), taken, better=better, aim=aim)


def in_turn(runners: Mapping[str, Callable[[], Value]], rounds: int) -> dict[str, list[Value]]:
    """Run everybody `rounds` times in turn, another one first in each round, and return what each gave."""
    names = list(runners)
    taken: dict[str, list[Value]] = {name: [] for name in names}
    for number in range(rounds):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            taken[name].append(runners[name]())
    return taken


def known(
    what: str,
    unit: str,
    ours: Sequence[float],
    peers: Mapping[str, Sequence[float]] = {},
    *,
    better: Literal["lower", "higher"] = "lower",
    aim: Aim = NO_AIM,
) -> Row:
    """Return the row of values that are known already, one per round for ours and for each peer."""
    ratios = [_ratio(own, others, better) for own, *others in zip(ours, *peers.values(), strict=True)] if peers else []
    ratio = median(ratios) if ratios else None
    return Row(
        what=what,
        unit=unit,
        ours=median(ours),
        peers={name: median(values) for name, values in peers.items()},
        ratio=ratio,
        spread=(min(ratios), max(ratios)) if ratios else None,
        aim=aim.text(unit, better),
        met=aim.met(median(ours), ratio, better),
    )


def _ratio(ours: float, others: Sequence[float], better: str) -> float:
    if better == "higher":
        return ours / max(*others, sys.float_info.min)
    return min(others) / max(ours, sys.float_info.min)


def _figure(value: float | None) -> str:
    """Return three significant digits, without an exponent for anything a person would write out."""
    if value is None:
        return "–"
    if value == 0 or 1 <= abs(value) < 1000:
        return f"{value:.3g}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2g}"


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table, one column per peer."""
    peers = list(dict.fromkeys(name for row in rows for name in row.peers))
    head = ["what", "unit", "mlray", *peers, "ratio (spread)", "aim", "met"]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        ratio = f"{_figure(row.ratio)} ({_figure(row.spread[0])}–{_figure(row.spread[1])})" if row.spread else "–"
        met = {True: "yes", False: "**no**", None: "–"}[row.met]
        values = [_figure(row.peers.get(name)) for name in peers]
        lines.append([row.what, row.unit, _figure(row.ours), *values, ratio, row.aim or "–", met])
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def replace_between(text: str, area: str, content: str) -> str:
    """Return `text` with what stands between the area's two markers replaced; new markers go to the end."""
    begin, end = f"<!-- {area}: begin -->", f"<!-- {area}: end -->"
    if begin not in text:
        return f"{text.rstrip()}\n\n## {area}\n\n{begin}\n{content}\n{end}\n"
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{content}\n{end}{after}"


def machine() -> dict[str, object]:
    """Return what the figures depend on and a reader must know."""
    return {
        "cpus": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "processor": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "load_at_start": round(os.getloadavg()[0], 1),
    }


def main(area: str, measure: Callable[[bool], Iterable[Row]], versions: Callable[[], Mapping[str, str]]) -> None:
    """Run one area's command line: measure, print each row when it is known, and write the results where asked to."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{area}")
    parser.add_argument(
        "--quick", action="store_true", help="fewer rounds and less work; for trying, not for reporting"
    )
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    parser.add_argument("--write", action="store_true", help="write results/<area>.json and the table in README.md")
    wanted = parser.parse_args()
    facts = {"area": area, "at": datetime.now(UTC).strftime("%Y-%m-%d"), "quick": wanted.quick, "machine": machine()}
    rows = []
    for row in measure(wanted.quick):
        rows.append(row)
        print(f"{row.what}: {_figure(row.ours)} {row.unit}", file=sys.stderr, flush=True)
    print(json.dumps([row.to_json() for row in rows], indent=1, ensure_ascii=False) if wanted.json else table(rows))
    if wanted.write:
        write(area, facts | {"versions": dict(versions())}, rows)


def write(area: str, facts: Mapping[str, object], rows: Sequence[Row], folder: Path = HERE) -> None:
    """Write `results/<area>.json`, and the table between the area's markers in `README.md`."""
    results = folder / "results" / f"{area}.json"
    results.parent.mkdir(exist_ok=True)
    content = {**facts, "rows": [row.to_json() for row in rows]}
    results.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    readme = folder / "README.md"
    where = facts["machine"]
    named = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())  # type: ignore[attr-defined]
    told = (
        f"{facts['at']}, {where['cpus']} CPUs, {where['memory_gb']} GB, Python {where['python']}"  # type: ignore[index]
        f"{', quick' if facts['quick'] else ''}; {named}.\n\n{table(rows)}"
    )
    readme.write_text(replace_between(readme.read_text(encoding="utf-8"), area, told), encoding="utf-8")
