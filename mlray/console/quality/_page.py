"""The profile as a page: findings first, then what they rest on."""

from collections.abc import Iterable

from mlray.console.markup import Safe, join, tag
from mlray.console.quality._bars import column_cards
from mlray.console.quality._charts import balance_figure, leakage_figure
from mlray.console.shell import Section, document, foot, navigation, section
from mlray.console.tables import Cell, Column, table
from mlray.console.words import comma, count, day, figure, percent
from mlray.records import ColumnDrift, DataProfile, Finding, LabelQuality, LabelSuspect, RuleCount

__all__ = ["profile_page"]

STYLES = ("report.css", "quality/profile.css")
_SAID = {"bad": "wrong", "warn": "look", "note": "note", "good": "fine"}


def profile_page(profile: DataProfile) -> str:
    """Return the whole page as one HTML text, see `mlray.console.shell.document`; the profile is inside as JSON."""
    parts = _sections(profile)
    main = tag("main", *(content for _, _, content in parts))
    digest = tag("p", "Digest of the version: ", tag("code", profile.digest[:16]), ".")
    content = (_top(profile), navigation(parts), main, foot(digest))
    return document(f"{profile.dataset}: profile", content, profile.to_json(), styles=STYLES)


def _top(profile: DataProfile) -> Safe:
    compared = f", compared with {profile.against}" if profile.against else ""
    return tag(
        "header",
        tag("p", tag("b", profile.project), " · ", f"known up to {day(profile.as_of, year=True)}", class_="eyebrow"),
        tag("h1", f"What is in {profile.dataset}{compared}"),
        *(tag("div", note, class_="banner calm", role="note") for note in profile.notes),
        tag("ul", *(_finding(finding) for finding in profile.findings), class_="findings"),
        _tiles(profile),
    )


def _finding(finding: Finding) -> Safe:
    mark = tag("b", _SAID[finding.level], class_=f"mark {finding.level}")
    return tag("li", mark, tag("a", finding.sentence, href=f"#{finding.about}"))


def _tiles(profile: DataProfile) -> Safe:
    tiles = [
        ("Rows", f"{profile.rows:,}", f"{profile.looked:,} looked at one by one", ""),
        ("Columns", f"{len(profile.columns)}", _incomplete(profile), ""),
    ]
    if profile.balance is not None:
        share = percent(profile.balance.share.value)
        tiles.append((f"{profile.target}", share, f"{profile.balance.positives:,} rows", ""))
    if profile.leakage:
        suspects = sum(one.verdict != "fine" for one in profile.leakage)
        tiles.append(("Know the answer", f"{suspects}", f"of {len(profile.leakage)} columns", _mood(suspects)))
    if profile.labels is not None:
        one = profile.labels
        named = f"{one.named:,}" if one.trusted else "–"
        beside = f"of {one.judged:,} judged" if one.trusted else "cannot be told"
        tiles.append(("Wrong answers", named, beside, _mood(one.named) if one.trusted else ""))
    if profile.drift is not None:
        moved = len(profile.drift.drifting)
        tiles.append(("Moved", f"{moved}", f"of {len(profile.drift.columns)} columns", _mood(moved)))
    return tag("dl", *(_tile(*tile) for tile in tiles), class_="tiles")


def _tile(name: str, value: str, beside: str, mood: str) -> Safe:
    parts = (tag("dt", name), tag("dd", value, class_="value"), tag("dd", beside, class_="beside"))
    return tag("div", *parts, class_=f"tile {mood}".strip())


def _mood(number: int) -> str:
    return "bad" if number else "good"


def _incomplete(profile: DataProfile) -> str:
    missing = sum(column.missing > 0 for column in profile.columns)
    return f"{count(missing, 'has', 'have')} missing values"


def _sections(profile: DataProfile) -> list[Section]:
    found = [
        ("columns", "Columns", section("columns", "Columns", _columns_title(profile), *_columns(profile))),
        ("answers", "Answers", section("answers", "Answers", _title(profile, "answers"), _answers(profile))),
        ("leakage", "Leakage", section("leakage", "Leakage", _title(profile, "leakage"), _leakage(profile))),
        ("labels", "Labels", section("labels", "Label problems", _title(profile, "labels"), *_labels(profile))),
        (
            "repetition",
            "Repetition",
            section("repetition", "Repetition", _title(profile, "repetition"), *_repetition(profile)),
        ),
        ("rules", "Rules", section("rules", "The contract's rules", _title(profile, "rules"), _rules(profile))),
    ]
    if profile.drift is not None:
        found.insert(1, ("drift", "Drift", section("drift", "Drift", _title(profile, "drift"), _drift(profile))))
    return found


def _title(profile: DataProfile, about: str) -> str:
    """Return the gravest finding about a part: a title says what was found."""
    told = [finding.sentence for finding in profile.findings if finding.about == about]
    return told[0].rstrip(".") if told else "Not judged"


def _nothing(text: str) -> Safe:
    return tag("p", text, class_="nothing")


def _columns_title(profile: DataProfile) -> str:
    return f"{count(len(profile.columns), 'column').capitalize()} of {profile.rows:,} rows"


def _columns(profile: DataProfile) -> Iterable[Safe]:
    if profile.against:
        signs = tag("span", class_="swatch now"), tag("span", class_="swatch then")
        yield tag(
            "ul",
            tag("li", signs[0], profile.dataset),
            tag("li", signs[1], f"{profile.against}, as shares of its own rows"),
            class_="legend",
        )
    yield column_cards(profile.columns, profile.against)
    yield tag(
        "p",
        "Outliers lie beyond a quartile by more than six times its distance from the median; they fall into the"
        " outermost bars.",
        class_="soft",
    )


def _drift(profile: DataProfile) -> Safe:
    report = profile.drift
    assert report is not None  # only asked where there is one
    columns = [Column("Column"), Column("PSI", numeric=True), Column("Distance", numeric=True)]
    columns += [Column("Missing", numeric=True), Column("Unseen", numeric=True), Column("")]
    caption = (
        f"{report.rows:,} rows against {profile.against}: population stability index (it moved beyond"
        f" {report.threshold:.2f} and what chance explains), Jensen–Shannon distance, and shares of missing"
        " and of never seen values"
    )
    return table(caption, columns, [_moved(one) for one in sorted(report.columns, key=lambda one: -one.psi)])


def _moved(one: ColumnDrift) -> list[str]:
    verdict = tag("b", "moved", class_="bad keep") if one.drifting else "calm"
    return [one.column, f"{one.psi:.3f}", f"{one.js:.3f}", percent(one.missing), percent(one.unseen), verdict]


def _answers(profile: DataProfile) -> Safe:
    if profile.balance is None or len(profile.balance.periods) < 2:
        return _nothing("All answers lie in one moment.")
    return balance_figure(profile.balance, profile.target)


def _leakage(profile: DataProfile) -> Safe:
    return leakage_figure(profile.leakage) if profile.leakage else _nothing("Too few answers of one kind to judge.")


def _labels(profile: DataProfile) -> Iterable[Safe]:
    one = profile.labels
    if one is None:
        yield _nothing("Labels need a model, and a model needs answers of both kinds.")
        return
    yield tag(
        "p",
        f"Each of {one.judged:,} answers was compared with that of a model which has not seen its row (AUC"
        f" {figure(one.auc.value)}). {_verdict(one, profile.target)}",
    )
    if one.worst:
        shown = _suspects(one.worst, profile.target)
        least = tag("summary", f"What surprises most: {count(len(one.worst), 'answer')}")
        yield shown if one.trusted else tag("details", least, shown)


def _verdict(one: LabelQuality, target: str) -> str:
    if not one.trusted:
        return (
            "It does not separate them well enough to tell a wrong answer from a surprising one; look at what surprises"
            " most, and trust no count."
        )
    return (
        f"{one.wrongly_true:,} rows say {target} and look otherwise, {one.wrongly_false:,} the other way round; about"
        f" {percent(one.noise)} of all answers may be wrong."
    )


def _suspects(worst: tuple[LabelSuspect, ...], target: str) -> Safe:
    names = list(dict.fromkeys(name for one in worst for name in one.row))
    columns = [Column(name) for name in names]
    columns += [Column("Says"), Column(f"Chance of {target}", numeric=True)]
    rows: list[list[str | Cell]] = [
        [
            *(one.row.get(name, "") for name in names),
            tag("b", target if one.given else f"not {target}"),
            Cell(percent(one.probability), one.probability),
        ]
        for one in worst
    ]
    return table("Answers that are probably wrong, the most suspicious first", columns, rows)


def _repetition(profile: DataProfile) -> Iterable[Safe]:
    one = profile.repetition
    if one is None:
        yield _nothing("Not judged.")
        return
    share = one.learnt / one.held if one.held else 0.0
    usual = f"{percent(share, 2)} ({percent(one.usual, 2)} is usual)" if one.judged else "not judged"
    lines = [
        ("Rows that repeat another in every column", f"{one.repeated:,}", percent(one.repeated / max(one.rows, 1), 2)),
        (
            "Rows that equal another in all inputs but the time, with the other answer",
            f"{one.contradicting:,}",
            percent(one.contradicting / max(one.rows, 1), 2),
        ),
        (
            "Rows to judge by that equal one learnt from, inputs and answer, the time aside",
            f"{one.learnt:,}",
            usual,
        ),
    ]
    columns = [Column("What", class_="long"), Column("Rows", numeric=True), Column("Share", numeric=True)]
    caption = f"Among {one.rows:,} rows, {one.held:,} of them to judge by"
    yield table(caption, columns, lines)


def _rules(profile: DataProfile) -> Safe:
    if not profile.rules:
        return _nothing("The version was not read through a contract.")
    columns = [Column("Rule", class_="long"), Column("Checked", numeric=True), Column("Found", numeric=True)]
    columns += [Column("Share", numeric=True), Column("Such as", class_="long")]
    caption = (
        "Rows that broke a rule while they were read were set aside with source, position and reason; a row counts"
        " once, for the first rule that it breaks"
    )
    return table(caption, columns, [_rule(rule) for rule in profile.rules])


def _rule(rule: RuleCount) -> list[str]:
    mark = None if rule.passed else tag("b", " not kept", class_="bad keep")
    examples = (
        tag("details", tag("summary", comma([count(len(rule.examples), "example")])), *_lines(rule.examples))
        if rule.examples
        else "–"
    )
    share = percent(rule.failed / rule.checked, 2) if rule.checked else "–"
    return [join(rule.rule, mark), f"{rule.checked:,}", f"{rule.failed:,}", share, examples]


def _lines(texts: tuple[str, ...]) -> Iterable[Safe]:
    return (tag("p", text, class_="evidence") for text in texts)
