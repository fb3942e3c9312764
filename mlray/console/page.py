"""The report: one HTML file that needs nothing else, safe to open, mail and print."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from mlray.console.charts.sweeps import shown
from mlray.console.finite import finite
from mlray.console.headline import sentences, tiles
from mlray.console.markup import Safe, tag
from mlray.console.sections import sections
from mlray.console.shell import document, foot, navigation
from mlray.console.story import Story
from mlray.console.words import day
from mlray.ids import Json

__all__ = ["report"]


def report(story: Story) -> str:
    """Return the whole page as one HTML text, see `document`; the story is inside, without the lists of data files."""
    story = finite(story)
    parts = sections(story)
    main = tag("main", *(content for _, _, content in parts))
    title = f"{story.project}: report, {story.start:%Y-%m-%d} to {story.end:%Y-%m-%d}"
    return document(title, (_top(story), navigation(parts), main, _foot(story)), _facts(story))


def _top(story: Story) -> Safe:
    period = f"{day(story.start, year=True)} to {day(story.end, year=True)}"
    return tag(
        "header",
        tag("p", tag("b", story.project), " · ", period, class_="eyebrow"),
        tag("h1", story.question or story.project),
        *_banners(story),
        tag("div", *(tag("p", sentence) for sentence in sentences(story)), class_="lead"),
        _tiles(story),
    )


def _banners(story: Story) -> list[Safe]:
    """Return the notes and, loudest of all, every fault that was put in on purpose."""
    faults = [
        tag(
            "div",
            tag("b", "A fault was injected into this run on purpose. "),
            fault.what,
            _where(fault.version),
            class_="banner",
            role="note",
        )
        for fault in story.faults
    ]
    return [*faults, *(tag("div", note, class_="banner calm", role="note") for note in story.notes)]


def _where(version: str) -> str:
    return (
        f" It concerns {version}; its rows below carry the same mark."
        if version
        else " Its rows below carry the same mark."
    )


def _tiles(story: Story) -> Safe:
    return tag(
        "dl",
        *(
            tag(
                "div",
                tag("dt", tile.label),
                tag("dd", tile.value, class_="value"),
                tag("dd", tile.beside, class_="beside"),
                class_=f"tile {tile.mood}".strip(),
            )
            for tile in tiles(story)
        ),
        class_="tiles",
    )


def _foot(story: Story) -> Safe:
    journal = None
    if story.journal_entries:
        kept = f"Every decision and amount stands in the journal, a chain of {story.journal_entries:,} entries up to "
        journal = tag("p", kept, tag("code", story.journal_head[:16] or "unknown"), ".")
    return foot(journal)


def _facts(story: Story) -> Mapping[str, Json]:
    """Return the story as JSON values, without the lists of data files, and of a sweep only what is drawn of it."""
    facts = dict(story.to_json())
    facts["experiments"] = [replace(experiment, trials=shown(experiment)).to_json() for experiment in story.experiments]
    facts["datasets"] = [
        {**version, "fragments": []} for version in cast("Sequence[Mapping[str, Json]]", facts["datasets"])
    ]
    return facts
