"""The text of a first project file, from what its table looks like. Pure: the same look gives the same text."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from textwrap import wrap

from mlray.cli._infer import Look, Seen
from mlray.spec import flow_text

__all__ = ["features_text", "project_text", "threshold"]

# Where a person has not said otherwise; on a short past they shrink.
_WINDOW, _HOLDOUT, _EVERY = 90, 14, 7
_YAML_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", "~"}


@dataclass(frozen=True, slots=True)
class _Times:
    """How the past is divided: learnt from, judged on, replayed."""

    window: int
    holdout: int
    every: int
    live: str


def project_text(look: Look, name: str, source: str, schema: str, question: str, known_after: int) -> str:
    """Return `mlray.yaml` for the table of `look`: at most forty lines for a table of ordinary width."""
    times = _divided(look)
    above = f", above: {threshold(look.target):g}" if look.target.type != "boolean" else ""
    key = _key(look)
    lines = [
        f"# yaml-language-server: $schema={schema}",
        f"project: {name}",
        f"question: {_quoted(question)}",
        "features: features.py",
        "data:",
        f"  source: {_source(look, source)}",
        f"  time: {_quoted(look.time.name)}",
        *([f"  key: [{_quoted(key.name)}]"] if key else []),
        "  columns:",
        *_columns(look),
        *(
            ["  mappings:   # how the files write it", f"    - {flow_text({'files': '*', **look.mapping})}"]
            if look.mapping
            else []
        ),
        f"  target: {{name: {_slug(look.target.name)}, column: {_quoted(look.target.name)}{above},"
        f" known_after: {known_after} days}}{_advice(look.target)}",
        "model:",
        "  metric: auc",
        "  trainers: {xgboost: {}, hist_gradient_boosting: {}}   # parameters are searched around good defaults",
        "  trials: 8",
        f"  window: {times.window} days    # how far back training looks",
        f"  holdout: {times.holdout} days   # the newest rows: they judge",
        *_drift(times),
        "costs:",
        "  release: 40 USD      # a person's hour to review and release one model",
        "  error: 0.50 USD      # what one wrong answer costs you",
        "  budget: {limit: 60 USD, per: month}",
        *([times.live] if times.live else []),
    ]
    return "\n".join(lines) + "\n"


def features_text(look: Look) -> str:
    """Return `features.py` for the table of `look`: all that is known before, the time as hour and weekday."""
    left_out = [column.name for column in _used(look) if column.type == "timestamp"]
    dropped = ", ".join(json.dumps(name, ensure_ascii=False) for name in dict.fromkeys(left_out))
    time = json.dumps(look.time.name, ensure_ascii=False)
    return f'''"""What is known about a row before its answer is."""

import pandas as pd


def features(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row of features per row; text becomes categories, numbers stay numbers."""
    time = rows[{time}]
    return rows.drop(columns=[{dropped}]).assign(hour=time.dt.hour, weekday=time.dt.day_of_week)
'''


def _source(look: Look, source: str) -> str:
    """Return the path, with what differs from commas in UTF-8."""
    return flow_text({"files": source, **look.dialect.told}) if look.dialect.told else _quoted(source)


def _columns(look: Look) -> Iterable[str]:
    """Write the short form, several to a line: a table of fifty columns still fits on a screen."""
    short, long = [], []
    for column in _used(look):
        if column == look.target:
            note = "   # rows without it are set aside" if column.nulls else ""
            long.append(f"    {_quoted(column.name)}: {{type: {column.type}, known: later}}{note}")
        elif _is_name(column, look):
            long.append(
                f"    {_quoted(column.name)}: {{type: {column.type}, known: later}}   # a request need not name its row"
            )
        elif column.nulls:
            long.append(f"    {_quoted(column.name)}: {{type: {column.type}, nullable: true}}")
        else:
            short.append(f"    {_quoted(column.name)}: {column.type}")
    lost = [column.name for column in look.columns if column not in _used(look)]
    told = wrap(f"left out, since it is nested or empty: {', '.join(lost)}", 100) if lost else []
    if len(short) + len(long) <= 16:
        return [*short, *long, *(f"    # {line}" for line in told)]
    packed = _packed([line.partition("   #")[0].strip() for line in [*short, *long]], 112)
    return [*(f"    # {line}" for line in told), "    {", *(f"      {row}" for row in packed), "    }"]


def _packed(items: Iterable[str], width: int) -> list[str]:
    """Return the items with commas, as many to a line as fit: a key of a flow mapping must not run over its line."""
    rows = [""]
    for item in items:
        if rows[-1] and len(rows[-1]) + len(item) + 2 > width:
            rows.append("")
        rows[-1] += f"{' ' if rows[-1] else ''}{item},"
    return rows


def _drift(times: _Times) -> list[str]:
    return [f"drift: {{every: {times.every} days, cool_down: {times.every} days}}"] if times.every != _EVERY else []


def _used(look: Look) -> list[Seen]:
    needed = (look.time, look.target)
    return [column for column in look.columns if column in needed or (column.type and column.distinct)]


def _key(look: Look) -> Seen | None:
    for column in _used(look):
        if column.type in ("integer", "string") and column.distinct == look.rows and column != look.target:
            return column
    return None


def _is_name(column: Seen, look: Look) -> bool:
    """Tell whether a column names its row, as an order's number does, and so says nothing about the next one."""
    names_rows = column.type == "string" and column.distinct > 0.5 * look.rows
    return column == _key(look) or (names_rows and column != look.target)


def _divided(look: Look) -> _Times:
    """Give the first two fifths to learning and the rest to the replay; a very short past is not replayed at all."""
    days = (look.last.date() - look.first.date()).days + 1
    if days < 20:
        window = max(3, days)
        return _Times(window, max(1, window // 5), min(_EVERY, window // 2), "")
    history = max(10, days * 2 // 5)
    start = look.first.date() + timedelta(days=history)
    live = f"live: {{start: {start}, end: {look.last.date()}, requests_per_day: 8}}   # the part that a run replays"
    return _Times(min(_WINDOW, history), min(_HOLDOUT, max(1, history // 5)), min(_EVERY, max(1, days // 20)), live)


def threshold(target: Seen) -> float:
    """Return 0.5 for noughts and ones; else the median, which gives about as many positives as negatives.

    >>> threshold(Seen("delay", "integer", nulls=0, distinct=90, middle=14.7))
    15.0
    """
    if _is_yes_or_no(target) or target.middle is None:
        return 0.5
    return float(round(target.middle)) if target.type == "integer" else float(f"{target.middle:.3g}")


def _is_yes_or_no(target: Seen) -> bool:
    return target.type == "boolean" or (target.distinct == 2 and target.middle in (0.0, 0.5, 1.0))


def _advice(target: Seen) -> str:
    return "" if _is_yes_or_no(target) else "   # above its median: say what counts"


def _slug(name: str) -> str:
    word = re.sub(r"[^a-z0-9_-]+", "_", name.lower()).strip("_-")
    return (word if word[:1].isalpha() else f"t_{word}")[:63]


def _quoted(text: str) -> str:
    plain = re.fullmatch(r"[A-Za-z_./][\w./*-]*(?: [\w./*?-]+)*\??", text) and text.lower() not in _YAML_WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)
