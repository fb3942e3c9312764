"""Markup that cannot be forged: every text is escaped unless it was built here."""

from html import escape
from typing import Self

__all__ = ["Safe", "join", "plain", "raw", "tag"]

_VOID = frozenset({"br", "col", "hr", "input", "link", "meta"})


class Safe(str):
    """Text that is markup already. Only `tag`, `join` and `raw` make it."""

    __slots__ = ()

    def __html__(self) -> Self:
        """Return itself: notebooks and templates know that it needs no escaping."""
        return self


def plain(text: str) -> str:
    r"""Return `text` without control characters: a terminal obeys them, a browser drops or misreads them.

    >>> plain("a\x1b[31mb\tc")
    'a�[31mb c'
    """
    # The two ranges are ASCII and Latin-1 controls; the pair after them can reverse the reading order of what follows.
    return "".join(
        " " if c in "\t\n\r" else "�" if c < " " or "\x7f" <= c <= "\x9f" or c in "\u202d\u202e" else c for c in text
    )


def raw(text: str) -> Safe:
    """Declare `text` to be markup. For our own style sheet, script and entities only, never for data."""
    return Safe(text)


def join(*parts: str | None) -> Safe:
    """Return the parts one after the other; None is left out and what is not `Safe` is escaped.

    >>> join("1 < 2", tag("br"), None)
    '1 &lt; 2<br>'
    """
    return Safe("".join(_text(part) for part in parts if part is not None))


def tag(name: str, /, *children: str | None, **attributes: str | float | bool | None) -> Safe:
    """Return one element. An attribute's `_` becomes `-`, a last `_` falls away; None and False leave it out.

    Numbers keep two decimals, which is a fiftieth of a pixel and keeps the page small.

    >>> tag("td", "<b>", class_="act", data_sort=1.5)
    '<td class="act" data-sort="1.5">&lt;b&gt;</td>'
    """
    written = "".join(
        _attribute(key, value) for key, value in attributes.items() if value is not None and value is not False
    )
    if name in _VOID:
        return Safe(f"<{name}{written}>")
    return Safe(f"<{name}{written}>{join(*children)}</{name}>")


def _attribute(key: str, value: str | float | bool) -> str:  # noqa: FBT001 (an HTML attribute may be a flag)
    name = key.removesuffix("_").replace("_", "-")
    if value is True:
        return f" {name}"
    text = value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
    return f' {name}="{escape(plain(text))}"'


def _text(part: str) -> str:
    return part if isinstance(part, Safe) else escape(plain(part), quote=False)
