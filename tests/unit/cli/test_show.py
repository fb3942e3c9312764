"""Results as JSON, and as tables without surprises."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from mlray.cli import _show
from mlray.records import Interval


@dataclass(frozen=True)
class Thing:
    """Something with a JSON form of its own."""

    def to_json(self) -> dict[str, object]:
        return {"a": 1}

    def __str__(self) -> str:
        return "a thing"


def test_records_within_anything_become_json(capsys):
    _show.json_out(
        {"x": [Thing(), Interval(1, 0, 2)], "when": datetime(2024, 1, 1, tzinfo=UTC), "money": Decimal("0.10")}
    )

    assert json.loads(capsys.readouterr().out) == {
        "x": [{"a": 1}, {"value": 1.0, "low": 0.0, "high": 2.0, "level": 0.95}],
        "when": "2024-01-01 00:00:00+00:00",
        "money": "0.10",
    }


def test_a_record_is_its_line_or_its_json(capsys):
    _show.say(Thing(), json=False)
    _show.say(Thing(), json=True)

    line, _, rest = capsys.readouterr().out.partition("\n")
    assert line == "a thing"
    assert json.loads(rest) == {"a": 1}


def test_facts_are_indented_and_what_is_missing_is_a_dash(capsys):
    _show.fields({"live_version": 2, "budget": {"left": "3.00", "until": None}, "open": [], "models": [1, 2]})

    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "live version  2",
        "budget",
        "  left        3.00",
        "  until       –",
        "open          –",
        "models        1, 2",
    ]


def test_what_a_journal_holds_cannot_steer_the_terminal(capsys):
    _show.table(("what",), [("\x1b[2J[red]gone[/red]\x07",)])

    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "[2J[red]gone[/red]" in out
