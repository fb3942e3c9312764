"""Every rule of the contract that a dataset version was read by, with its count: nought where it holds."""

from collections.abc import Iterator, Mapping, Sequence

import pyarrow.compute as pc

from mlray.coordinator.workspace import Workspace
from mlray.data._catalog import kept
from mlray.data._pipeline import LEFT_OUT
from mlray.data._quality import RuleResult, RuleTally
from mlray.data.contract import Contract
from mlray.errors import NotFoundError
from mlray.records import DatasetVersion, Quality, RuleCount

__all__ = ["rules_of"]

EXAMPLES = 3


def rules_of(space: Workspace, version: DatasetVersion, tallies: Sequence[RuleTally]) -> tuple[RuleCount, ...]:
    """Return what the contract asked of all rows together, of each row, and of the whole table as `tallies` have it.

    Rules on single rows stand in order of the rows that broke them, each with the first of these.
    """
    quality = version.quality
    examples = _examples(space, quality.quarantine) if quality.quarantine else {}
    counts = sorted(_counts(quality, _declared(space, version)), key=lambda one: -one[1])
    return (
        _on_rows("every row keeps the contract", quality, quality.rejected),
        *(_on_rows(reason, quality, count, examples.get(reason, ())) for reason, count in counts),
        *(_on_table(tally.result()) for tally in tallies),
    )


def _declared(space: Workspace, version: DatasetVersion) -> tuple[str, ...]:
    """Return the rules on single rows; none where nobody knows the contract that the version was read by."""
    if version.contract == space.contract.digest:
        return space.contract.reasons
    try:
        return Contract.compile(kept(space.store.storage, version)).reasons
    except NotFoundError:
        return ()


def _counts(quality: Quality, declared: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Yield each rule with the rows that broke it: those declared, then what else rows were set aside for."""
    aside = dict(quality.set_aside)
    left = {what.removesuffix(LEFT_OUT): count for what, count in quality.mapped.items() if what.endswith(LEFT_OUT)}
    for reason in declared:
        # What is left out of a lookup is counted without the lookup's name.
        yield reason, aside.pop(reason, 0) + left.pop(reason.rpartition(": ")[2], 0)
    yield from aside.items()
    yield from left.items()


def _on_rows(rule: str, quality: Quality, failed: int, examples: Sequence[str] = ()) -> RuleCount:
    return RuleCount(rule, quality.seen, failed, tuple(examples), passed=not failed, aside=True)


def _on_table(result: RuleResult) -> RuleCount:
    # A rule on the number of rows finds no rows at fault.
    failed = 0 if result.metric == "rowCount" else result.failed
    name = f"{result.rule}: must be {result.expected}, is {round(result.value, 3):,.10g}"
    return RuleCount(name, result.checked, failed, result.examples, result.passed, result.severity)


def _examples(space: Workspace, blob: str) -> Mapping[str, Sequence[str]]:
    rows = space.store.get(blob, ["reason", "source", "position", "row"])
    reasons = rows["reason"]
    found = {}
    for reason in pc.unique(reasons).to_pylist():
        first = rows.filter(pc.equal(reasons, reason)).slice(0, EXAMPLES).to_pylist()
        found[reason] = [f"{row['source']}, row {row['position']}: {row['row'][:200]}" for row in first]
    return found
