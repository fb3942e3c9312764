"""How many rows a source has, held against the contract's own rules on their number. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from mlray.data._quality import RuleTally
from mlray.data.crawl._judge import Known, Sight, Volume
from mlray.spec import QualityRule

__all__ = ["rules_on_rows", "volume_of"]


def rules_on_rows(rules: Iterable[QualityRule]) -> tuple[QualityRule, ...]:
    """Return those of a contract's rules that are about the number of rows."""
    return tuple(rule for rule in rules if rule.metric == "rowCount")


def volume_of(rules: Sequence[QualityRule], known: Known, marks: Mapping[str, str], sight: Sight) -> Volume:
    """Return what `rules` say of all rows of a source: of what a look saw, and of what is known of the rest.

    A source one of whose parts does not tell its rows is not judged: a part of a number says nothing.
    """
    things = [sight.things.get(name) or known.things.get(name) for name in marks]
    counted = [thing.rows for thing in things if thing is not None and thing.rows >= 0]
    if not rules or len(counted) < len(marks):
        return Volume()
    rows = sum(counted)
    results = [RuleTally(rule, rows, rows).result() for rule in rules]
    said = [
        (one.severity, f"it has {rows:,} rows, and the contract's '{one.rule}' asks for {one.expected}")
        for one in results
        if not one.passed
    ]
    return Volume(
        tuple(what for severity, what in said if severity == "error"),
        tuple(what for severity, what in said if severity != "error"),
    )
