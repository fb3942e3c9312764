"""The report: one HTML file that needs nothing else, safe to open, mail and print."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import cast

from mlray.console.finite import finite
from mlray.console.headline import sentences, tiles
from mlray.console.markup import Safe, join, raw, tag
from mlray.console.sections import sections
from mlray.console.story import Story
from mlray.console.words import day
from mlray.ids import Json

__all__ = ["report"]


def report(story: Story) -> str:
    """Return the whole page as one HTML text.

    It loads nothing from anywhere, and its content security policy allows exactly its own style and script, by digest:
    a text that slipped through the escaping still could not run. The story itself is inside as JSON (`#story`), without
    the lists of data files.
    """
    story = finite(story)
    style, script = _resource("report.css"), _resource("report.js")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(style, script)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", f"{story.project}: report, {story.start:%Y-%m-%d} to {story.end:%Y-%m-%d}"),
        tag("style", raw(style)),
    )
    parts = sections(story)
    links = tag("nav", tag("div", *(tag("a", name, href=f"#{key}") for key, name, _ in parts)), aria_label="Sections")
    main = tag("main", *(content for _, _, content in parts))
    body = tag("body", _top(story), links, main, _foot(story), _data(story), tag("script", raw(script)))
    page = tag("html", head, body, lang="en")
    return f"<!doctype html>\n{page}\n"


def _resource(name: str) -> str:
    return files("mlray.console").joinpath(name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    def allowed(text: str) -> str:
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"

    ours = f"style-src {allowed(style)}; script-src {allowed(script)}"
    return f"default-src 'none'; {ours}; base-uri 'none'; form-action 'none'"


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
    return tag(
        "footer",
        journal,
        tag(
            "p",
            "Made by mlray. This page needs no network. ",
            tag("button", "Save its figures as JSON", type="button", id="save", hidden=True),
        ),
    )


def _data(story: Story) -> Safe:
    """Return the story as JSON in the page, `<` as an escape: `</script>` in a text would end the element."""
    facts = dict(story.to_json())
    facts["datasets"] = [
        {**version, "fragments": []} for version in cast("Sequence[Mapping[str, Json]]", facts["datasets"])
    ]
    text = json.dumps(_rounded(facts), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return join(tag("script", raw(text.replace("<", "\\u003c")), type="application/json", id="story"))


def _rounded(value: Json) -> Json:
    """Return the value with floats to five digits, which is finer than any chart and a third of the bytes."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, Mapping):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_rounded(one) for one in value]
    return value
