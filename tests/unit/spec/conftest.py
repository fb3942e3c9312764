"""A small project on disk that nothing is wrong with, to be broken in one place at a time."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mlray.errors import SpecError
from mlray.spec import read_spec

GOOD = """\
project: shop
features: features.py
data:
  source: orders-*.csv
  time: at
  key: [order]
  columns:
    at: timestamp
    order: integer
    channel: {type: string, allowed: [web, "010"]}
    weight: {type: number, unit: kilogram, min: 0, max: 50}
    returned: {type: boolean, known: later}
  lookups:
    weather: {source: weather.csv, on: [at], columns: {temp: {type: number, nullable: true}}}
  mappings:
    - {files: orders-1.*, rename: {mass: weight}, units: {weight: gram}, values: {channel: {internet: web}}}
  target: {name: returned, column: returned, known_after: 7 days}
model:
  trainers: {xgboost: {learning_rate: [0.03, 0.3, log], max_depth: 6, booster: {choices: [gbtree, dart]}}}
gates: {slices: [channel]}
costs: {release: 40 USD, error: 0.5, budget: {limit: 60 USD, per: month}}
live: {start: 2024-04-01, end: 2024-06-30}
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write the good project, with some of its text replaced, and return its file."""
    (tmp_path / "orders-1.csv").write_text("at,order\n", encoding="utf-8")
    (tmp_path / "orders-2.csv").write_text("at,order\n", encoding="utf-8")
    (tmp_path / "weather.csv").write_text("at,temp\n", encoding="utf-8")
    (tmp_path / "features.py").write_text("def features(rows):\n    return rows\n", encoding="utf-8")

    def written(*changes: tuple[str, str], text: str = GOOD) -> Path:
        for old, new in changes:
            assert text.count(old) == 1, f"{old!r} must stand once in the text"
            text = text.replace(old, new)
        file = tmp_path / "mlray.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    return written


@pytest.fixture
def faults(write: Callable[..., Path]) -> Callable[..., list[str]]:
    """Return the faults of the good project with some of its text replaced, without the file's name."""

    def found(*changes: tuple[str, str], **kwargs: str) -> list[str]:
        file = write(*changes, **kwargs)
        with pytest.raises(SpecError) as caught:
            read_spec(file)
        return [problem.removeprefix(f"{file}:") for problem in caught.value.problems]

    return found
