"""The page's sections in reading order; each has its finding for a title, also when there is nothing to show."""

from collections.abc import Iterable, Mapping

from mlray.console.charts.curve import curve_figure
from mlray.console.charts.drift import drift_matrix
from mlray.console.charts.front import front_figure, has_front
from mlray.console.charts.importance import importance_figure
from mlray.console.charts.months import months_figure
from mlray.console.charts.performance import performance_figure
from mlray.console.charts.slices import slices_figure
from mlray.console.charts.spend import spend_figure
from mlray.console.charts.strands import has_strands, strands_figure
from mlray.console.charts.sweeps import sweeps_figure, trials_table
from mlray.console.charts.versions import versions_figure
from mlray.console.decisions import decisions_table
from mlray.console.headline import drift_title, model_title, money_title, months_title, versions_title
from mlray.console.markup import Safe, join, tag
from mlray.console.shell import section
from mlray.console.story import Judged, Phase, Story
from mlray.console.tables import Column, table
from mlray.console.words import comma, count, day, duration, metric_name, span
from mlray.console.words import figure as digits
from mlray.records import DatasetVersion, Scorecard

__all__ = ["sections"]


def sections(story: Story) -> list[tuple[str, str, Safe]]:
    """Return id, short name and content of each section."""
    return [
        ("months", "Error", section("months", "With and without retraining", months_title(story), _months(story))),
        ("money", "Money", section("money", "Money", money_title(story), _money(story))),
        ("versions", "Versions", section("versions", "Versions", versions_title(story), _versions(story))),
        ("drift", "Drift", section("drift", "Drift and performance", drift_title(story), *_drift(story))),
        ("decisions", "Decisions", section("decisions", "Decisions", _decisions_title(story), _decisions(story))),
        ("models", "Models", section("models", "Can it work, and how well", model_title(story), *_models(story))),
        ("data", "Data", section("data", "Data", _data_title(story), *_data(story))),
        ("time", "Time", section("time", "Time", _time_title(story), _time(story))),
    ]


def _nothing(text: str) -> Safe:
    return tag("p", text, class_="nothing")


def _months(story: Story) -> Safe:
    measured = any(month.served or month.kept for month in story.months)
    return months_figure(story) if measured else _nothing("The first labels are still on their way.")


def _money(story: Story) -> Safe:
    return spend_figure(story) if story.money or story.budgets else _nothing("Nothing was spent and no budget was set.")


def _versions(story: Story) -> Safe:
    return versions_figure(story) if story.versions else _nothing("The timeline begins with the first version.")


def _drift(story: Story) -> Iterable[Safe]:
    yield drift_matrix(story) if story.drift else _nothing("The first report follows the first full window of traffic.")
    for report in story.drift:
        if report.broken:
            yield tag("p", f"Broken feed on {day(report.seen_at, year=True)}: {report.broken}", class_="broken")
    if story.performance:
        yield tag("h3", "Was the error known before the labels came?")
        yield performance_figure(story)


def _decisions_title(story: Story) -> str:
    faults = len(story.injected)
    marked = f"; {count(faults, 'of them deals', 'of them deal')} with an injected fault" if faults else ""
    return f"{count(len(story.decisions), 'decision').capitalize()}, each with its reason{marked}"


def _decisions(story: Story) -> Safe:
    return decisions_table(story) if story.decisions else _nothing("Nothing has been decided yet.")


def _models(story: Story) -> Iterable[Safe]:
    if story.feasibility is not None:
        yield tag("p", story.feasibility.sentence)
        yield curve_figure(story.feasibility)
    if any(trial.score is not None for experiment in story.experiments for trial in experiment.trials):
        yield tag("h3", "What was tried")
        yield sweeps_figure(story)
        yield from _looked_into(story)
    for experiment in story.experiments:
        yield trials_table(experiment, story.currency)
    if story.models:
        yield tag("h3", "How the candidates were judged")
        yield _cards(story)
        yield from _gates(story)
        yield from _slices(story)


def _looked_into(story: Story) -> Iterable[Safe]:
    """Look into the largest sweep, of equal ones the newest: the smaller ones follow what it found."""
    shown = max(reversed(story.experiments), key=lambda one: sum(trial.score is not None for trial in one.trials))
    where = f" in the sweep on {shown.dataset}" if len(story.experiments) > 1 else ""
    if has_strands(shown):
        yield tag("h3", f"Where the good trials lie{where}")
        yield strands_figure(shown)
    if shown.importance:
        yield tag("h3", f"Which parameters mattered{where}")
        yield importance_figure(shown)
    if has_front(shown):
        yield tag("h3", f"What a better score costs{where}")
        yield front_figure(shown)


def _cards(story: Story) -> Safe:
    found = dict.fromkeys(name for judged in story.models for name in judged.scorecard.metrics)
    # The metric that was asked for first; accuracy is the error said the other way round.
    metrics = [name for name in found if name == _metric(story)]
    metrics += [name for name in found if name not in metrics and not (name == "accuracy" and "error" in found)]
    columns = [Column("Version"), Column("Judged on")]
    columns += [Column(metric_name(name), numeric=True) for name in metrics]
    caption = "Scorecards: every candidate on rows later than all it learnt from, beside baseline and champion"
    return table(caption, [*columns, Column("Gates")], [_card(judged, metrics) for judged in story.models])


def _metric(story: Story) -> str:
    return story.experiments[0].metric if story.experiments else next(iter(story.models[0].scorecard.metrics), "score")


def _card(judged: Judged, metrics: list[str]) -> list[str]:
    card = judged.scorecard
    passed = tag("b", "passed", class_="good keep") if card.passed else tag("b", "not passed", class_="bad keep")
    learnt = tag("small", f"from {judged.dataset}", class_="below keep") if judged.dataset else None
    digest = tag("small", tag("code", judged.digest[:10]), class_="below") if judged.digest else None
    period = tag("span", f"{day(card.start)}–{day(card.end)} {card.end.year}", class_="keep")
    rows = tag("small", f"{card.rows:,} rows", class_="below")
    scores = (_score(card, name) for name in metrics)
    return [join(judged.version, learnt, digest), join(period, rows), *scores, passed]


def _score(card: Scorecard, metric: str) -> Safe:
    """Return one score with its interval, and below it what it is compared with."""
    own, base, champion = card.metrics.get(metric), card.baseline.get(metric), (card.champion or {}).get(metric)
    parts = [tag("b", digits(own.value)), tag("small", f" {span(own)}")] if own is not None else ["–"]
    for name, other in (("baseline", base), ("champion", champion)):
        if other is not None:
            parts.append(tag("small", f"{name} {digits(other.value)}", class_="below"))
    return join(*parts)


def _gates(story: Story) -> Iterable[Safe]:
    for judged in story.models:
        items = (
            tag(
                "li",
                tag("b", "passed" if gate.passed else "failed", class_="good" if gate.passed else "bad"),
                f" {gate.gate}: {gate.because}",
            )
            for gate in judged.scorecard.gates
        )
        broken = " (injected fault)" if judged.version in story.broken_versions else ""
        summary = tag("summary", f"Gates of {judged.version}{broken}: {judged.scorecard}")
        # What failed is what people look for: it stands open.
        yield tag("details", summary, tag("ul", *items, class_="gates"), open=not judged.scorecard.passed)


def _slices(story: Story) -> Iterable[Safe]:
    """Return the slices of the version that is live, or of the last one judged."""
    live = [episode.version for episode in story.versions if episode.phase is Phase.LIVE and episode.end is None]
    sliced = [judged for judged in story.models if judged.scorecard.slices]
    shown = next((judged for judged in sliced if judged.version in live), sliced[-1] if sliced else None)
    if shown is None:
        return
    yield tag("h3", f"Is {shown.version} equally good everywhere?")
    yield slices_figure(shown, _metric(story))


def _data_title(story: Story) -> str:
    if not story.datasets:
        return "No data has been ingested yet"
    last = story.datasets[-1]
    return (
        f"{last.rows:,} rows in {count(len(story.datasets), 'dataset version')}; nothing was dropped without a reason"
    )


def _data(story: Story) -> Iterable[Safe]:
    if not story.datasets:
        yield _nothing("A dataset version is committed with the first ingestion.")
        return
    columns = [Column("Version"), Column("Known up to"), Column("Rows", numeric=True), Column("Seen", numeric=True)]
    columns += [
        Column("Kept", numeric=True),
        Column("Set aside", numeric=True),
        Column("Why", class_="long"),
        Column("Mapped", class_="long"),
    ]
    known = {version.digest: version.name for version in story.datasets}
    rows = [_dataset(version, known) for version in story.datasets]
    yield table("Dataset versions: what was read, kept, set aside and mapped", columns, rows)


def _dataset(version: DatasetVersion, known: dict[str, str]) -> list[str]:
    quality = version.quality
    parents = comma([known.get(parent, parent[:10]) for parent in version.parents])
    made_from = tag("small", f"from {parents}", class_="below") if parents else None
    return [
        join(version.name, tag("small", tag("code", version.digest[:10]), class_="below"), made_from),
        tag("span", f"{day(version.as_of)} {version.as_of.year}", class_="keep"),
        f"{version.rows:,}",
        f"{quality.seen:,}",
        f"{quality.kept:,}",
        f"{quality.rejected:,}",
        _counts(quality.set_aside),
        _counts(quality.mapped),
    ]


def _counts(rows: Mapping[str, int]) -> Safe:
    """Return each reason with its rows on a line of its own, the most frequent first."""
    most = sorted(rows.items(), key=lambda item: -item[1])
    return join(*(tag("div", f"{what}: {number:,}") for what, number in most)) if most else join("–")


def _time_title(story: Story) -> str:
    whole = sum(stage.seconds for stage in story.stages)
    return f"The run took {duration(whole)}" if story.stages else "How long the run took was not measured"


def _time(story: Story) -> Safe:
    """Return the stages with a bar for each, whose length is its share of the whole."""
    if not story.stages:
        return _nothing("A stage's time is known when it has ended.")
    longest = max(stage.seconds for stage in story.stages) or 1.0
    items = [
        tag(
            "li",
            tag("span", stage.name, class_="stage"),
            tag(
                "svg",
                tag("rect", width=max(0.4, 100 * stage.seconds / longest), height=10, class_="bar served"),
                **_BAR,
            ),
            tag("span", duration(stage.seconds), class_="n"),
            tag("span", stage.note, class_="soft"),
        )
        for stage in story.stages
    ]
    return join(tag("ol", *items, class_="stages"))


_BAR = {"viewBox": "0 0 100 10", "preserveAspectRatio": "none", "aria_hidden": "true"}
