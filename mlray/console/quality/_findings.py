"""What a person should know of a dataset version, the gravest first; each a sentence with its figure."""

from collections.abc import Iterator, Sequence

from mlray.console.words import comma, count, figure, percent
from mlray.records import ColumnProfile, DataProfile, Finding, RuleCount

__all__ = ["findings"]

MANY_MISSING = 0.3
MANY_OUTLIERS = 0.01
RARE = 0.02
"""The share of the rarer answer below which most rows teach nothing of it."""
_ORDER = ("bad", "warn", "note", "good")


def findings(profile: DataProfile) -> tuple[Finding, ...]:
    """Return the findings of a profile; what was looked at and is fine is said too, last."""
    found = [
        *_leakage(profile),
        *_repetition(profile),
        *_labels(profile),
        *_drift(profile),
        *_rules(profile),
        *_answers(profile),
        *_columns(profile),
    ]
    return tuple(sorted(found, key=lambda finding: _ORDER.index(finding.level)))


def _leakage(profile: DataProfile) -> Iterator[Finding]:
    for one in profile.leakage:
        if one.verdict == "certain":
            yield Finding("bad", "leakage", f"{one.column} knows the answer: {one.because}.")
        elif one.verdict == "suspect":
            yield Finding("warn", "leakage", f"{one.column} may know the answer: {one.because}.")
    if profile.leakage and all(one.verdict == "fine" for one in profile.leakage):
        best = profile.leakage[0]
        yield Finding(
            "good",
            "leakage",
            f"No column knows the answer; the best alone is {best.column} with AUC {figure(best.auc.value)}.",
        )


def _repetition(profile: DataProfile) -> Iterator[Finding]:
    one = profile.repetition
    if one is None:
        return
    if one.suspicious:
        yield Finding(
            "bad",
            "repetition",
            f"{one.learnt:,} of the {one.held:,} rows to judge by, {percent(one.learnt / one.held)}, equal rows that"
            f" were learnt from; {percent(one.usual)} is usual in this data.",
        )
    if one.repeated:
        share = _share(one.repeated / one.rows)
        yield Finding("warn", "repetition", f"{one.repeated:,} rows ({share}) repeat another one in every column.")
    if one.contradicting:
        share = _share(one.contradicting / one.rows)
        yield Finding(
            "warn" if one.contradicting > 0.01 * one.rows else "good",
            "repetition",
            f"{one.contradicting:,} rows ({share}) equal another in all inputs but the time, with the other answer.",
        )
    if not one.judged:
        why = f"all {one.rows:,} rows lie in the holdout" if one.held else "none was compared"
        yield Finding("note", "repetition", f"Whether the rows to judge by are new was not judged: {why}.")
    if not (one.repeated or one.suspicious):
        new = ", and the rows to judge by are new" if one.judged else ""
        yield Finding("good", "repetition", f"No row is there twice{new}.")


def _labels(profile: DataProfile) -> Iterator[Finding]:
    one = profile.labels
    if one is None:
        return
    if not one.trusted:
        yield Finding(
            "note",
            "labels",
            f"The answers overlap too much to tell a wrong one from a surprise (AUC {figure(one.auc.value)}).",
        )
    elif one.named:
        level = "bad" if one.named > 0.05 * one.judged else "warn"
        share = percent(one.named / one.judged)
        yield Finding(
            level,
            "labels",
            f"{one.named:,} of {one.judged:,} answers ({share}) are probably wrong: {one.wrongly_true:,} look false and"
            f" {one.wrongly_false:,} true.",
        )
    else:
        yield Finding("good", "labels", f"None of {one.judged:,} answers looks wrong.")


def _drift(profile: DataProfile) -> Iterator[Finding]:
    one = profile.drift
    if one is None:
        return
    if one.broken:
        yield Finding("bad", "drift", f"Since {profile.against} the data look broken: {one.broken}.")
    elif one.drifting:
        named = comma(list(one.drifting[:3]))
        more = f" and {len(one.drifting) - 3} more" if len(one.drifting) > 3 else ""
        yield Finding("warn", "drift", f"{named}{more} moved since {profile.against} (largest PSI {one.score:.2f}).")
    else:
        yield Finding("good", "drift", f"No column moved since {profile.against}.")


def _rules(profile: DataProfile) -> Iterator[Finding]:
    for rule in profile.rules:
        # Rows that broke a rule while they were read are not in the version: they are told of together.
        if not (rule.passed or rule.aside):
            level = "bad" if rule.severity == "error" else "warn"
            yield Finding(level, "rules", f"{rule.rule} ({rule.failed:,} of {rule.checked:,} rows).")
    if profile.rules:
        yield _reading(profile.rules[0], [rule for rule in profile.rules[1:] if rule.aside and rule.failed])


def _reading(whole: RuleCount, broken: Sequence[RuleCount]) -> Finding:
    most = comma([f"{rule.rule} ({rule.failed:,})" for rule in broken[:3]])
    what = f"{', most often' if len(broken) > 3 else ''}: {most}" if most else ""
    if whole.failed:
        share = _share(whole.failed / max(whole.checked, 1))
        level = "warn" if whole.failed > 0.01 * whole.checked else "note"
        told = f"{whole.failed:,} of {whole.checked:,} rows ({share}) broke the contract and were set aside"
        return Finding(level, "rules", f"{told}{what}.")
    if broken:
        return Finding("note", "rules", f"Values that broke the contract were left out{what}.")
    return Finding("good", "rules", f"All {whole.checked:,} rows that were read keep the contract.")


def _answers(profile: DataProfile) -> Iterator[Finding]:
    one = profile.balance
    if one is None:
        return
    if not one.positives or one.positives == one.rows:
        yield Finding("bad", "answers", f"Every answer is the same: {profile.target} is never {not one.positives}.")
        return
    rarer = min(one.share.value, 1 - one.share.value)
    told = f"{profile.target} is true in {percent(one.share.value)} of the rows"
    if rarer < RARE:
        yield Finding("warn", "answers", f"{told}: judge by AUC or log loss, not by accuracy.")
    else:
        yield Finding("good", "answers", f"{told}.")


def _columns(profile: DataProfile) -> Iterator[Finding]:
    constant = [column.name for column in profile.columns if column.constant]
    if constant:
        yield Finding("warn", "columns", f"{comma(constant)} always {_has(constant)} the same value.")
    for column in profile.columns:
        if column.rows and column.missing == column.rows:
            yield Finding("bad", "columns", f"{column.name} is always missing.")
        elif column.missing > MANY_MISSING * column.rows:
            yield Finding("warn", "columns", f"{column.name} is missing in {percent(column.missing / column.rows)}.")
    far = [column for column in profile.columns if column.outliers > MANY_OUTLIERS * column.rows]
    if far:
        named = comma([f"{column.name} ({percent(_outside(column))})" for column in far[:4]])
        yield Finding("warn", "columns", f"Many values lie far outside the usual in {named}.")
    if not (constant or far):
        yield Finding("good", "columns", f"{count(len(profile.columns), 'column').capitalize()}; none is constant.")


def _share(share: float) -> str:
    return percent(share, 2) if share >= 0.0001 else "under 0.01%"


def _outside(column: ColumnProfile) -> float:
    return column.outliers / max(column.rows - column.missing, 1)


def _has(names: list[str]) -> str:
    return "has" if len(names) == 1 else "have"
