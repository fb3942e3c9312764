"""Words for messages: the closest one that would be right, and values as a reader knows them from the file."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

__all__ = ["closest", "did_you_mean", "shown"]


def closest(word: object, known: Iterable[str]) -> str | None:
    """Return the known word that looks most like `word`, or None where none does.

    >>> closest("tiem", ["table", "time"])
    'time'
    """
    by_lower = {name.lower(): name for name in known}
    found = get_close_matches(str(word).lower(), by_lower, n=1, cutoff=0.55)
    return by_lower[found[0]] if found else None


def shown(value: object) -> str:
    """Return a value as a message shows it: as YAML would have it, and never longer than a line."""
    text = f"'{value}'" if isinstance(value, str) else _plain(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _plain(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "empty", True: "true", False: "false"}[value]
    if isinstance(value, tuple | list):
        return f"[{', '.join(_plain(item) for item in value)}]"
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_plain(item)}' for key, item in value.items())}}}"
    return str(value)


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Return the end of a sentence that names the closest known word, or all of them where none is close.

    >>> did_you_mean("tiem", ["table", "time"])
    "did you mean 'time'?"
    """
    names = list(known)
    near = closest(word, names)
    return f"did you mean '{near}'?" if near else f"known: {', '.join(names)}"
