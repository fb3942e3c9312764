"""What every page has around its content: one file that needs nothing else, safe to open, mail and print."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files

from mlray.console.markup import Safe, join, raw, tag
from mlray.ids import Json

__all__ = ["Section", "document", "foot", "navigation", "section"]

Section = tuple[str, str, Safe]
"""Id, short name for the navigation, and content."""


def document(
    title: str, content: Iterable[Safe], facts: Mapping[str, Json], *, styles: Sequence[str] = ("report.css",)
) -> str:
    """Return the whole page as one HTML text.

    It loads nothing from anywhere, and its content security policy allows exactly its own style and script, by digest:
    a text that slipped through the escaping still could not run. `facts` are inside as JSON (`#story`).

    Args:
        title: The browser's title.
        content: The body's elements.
        facts: What the page tells, for programs.
        styles: Names of style sheets of this package, one after the other.
    """
    style, script = "".join(_resource(name) for name in styles), _resource("report.js")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(style, script)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", raw(style)),
    )
    page = tag("html", head, tag("body", *content, _data(facts), tag("script", raw(script))), lang="en")
    return f"<!doctype html>\n{page}\n"


def navigation(sections: Sequence[Section]) -> Safe:
    """Return the links to the sections, which stay in sight."""
    links = tag("div", *(tag("a", name, href=f"#{key}") for key, name, _ in sections))
    return tag("nav", links, aria_label="Sections")


def section(name: str, eyebrow: str, title: str, *content: Safe | None) -> Safe:
    """Return a section; its title is its finding."""
    return tag(
        "section",
        tag("p", eyebrow, class_="eyebrow"),
        tag("h2", title, id=f"{name}-h"),
        *content,
        id=name,
        aria_labelledby=f"{name}-h",
    )


def foot(*content: Safe | None) -> Safe:
    """Return the page's end, with the button that saves its figures."""
    return tag(
        "footer",
        *content,
        tag(
            "p",
            "Made by mlray. This page needs no network. ",
            tag("button", "Save its figures as JSON", type="button", id="save", hidden=True),
        ),
    )


def _resource(name: str) -> str:
    return files("mlray.console").joinpath(name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    def allowed(text: str) -> str:
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"

    ours = f"style-src {allowed(style)}; script-src {allowed(script)}"
    return f"default-src 'none'; {ours}; base-uri 'none'; form-action 'none'"


def _data(facts: Mapping[str, Json]) -> Safe:
    """Return the facts as JSON in the page, `<` as an escape: `</script>` in a text would end the element."""
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
