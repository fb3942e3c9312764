"""Writing a new project's files; nothing that is there is ever overwritten."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlray.errors import InputError
from mlray.spec import FILE, SCHEMA

if TYPE_CHECKING:
    from mlray.cli._infer import Look

__all__ = ["Made", "scaffold"]

_IGNORED = ".mlray/\n__pycache__/\n"
# From here on up, a path through parents tells less than one from the root.
_CLIMB = 3


@dataclass(frozen=True, slots=True)
class Made:
    """What was written, and how it was chosen."""

    folder: Path
    told: tuple[str, ...]


def scaffold(folder: Path, data: str | None, target: str | None, time: str | None) -> Made:
    """Write a project for the files `data` into `folder`, or one with a small example where no data is given.

    Raises:
        InputError: a file is there already, or the data does not tell what to predict, or when.
    """
    from mlray.cli._draft import features_text, project_text, threshold
    from mlray.cli._infer import look
    from mlray.cli._sample import sample

    if data is None and (target or time):
        raise InputError(
            "--target and --time speak of --data, which is not given.", remedy="Name the file with --data."
        )
    example = folder / "data" / "orders.csv"
    new = [folder / FILE, folder / "features.py", *([example] if data is None else [])]
    _refuse_a_file(folder)
    _refuse_to_overwrite(new)
    if data is None:
        example.parent.mkdir(parents=True, exist_ok=True)
        example.write_text(sample(), encoding="utf-8")
    seen = look(data or str(example), target, time)
    name = _name(folder)
    question = "Will this order be returned?" if data is None else _question(seen.target.name, threshold(seen.target))
    source = _from(folder, seen.pattern)
    folder.mkdir(parents=True, exist_ok=True)
    known_after = 7 if data is None else 1
    text = project_text(seen, name, source, _from(folder, str(SCHEMA)), question, known_after)
    (folder / FILE).write_text(text, encoding="utf-8")
    (folder / "features.py").write_text(features_text(seen), encoding="utf-8")
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text(_IGNORED, encoding="utf-8")
    told = (
        f"{folder / FILE}: {seen.rows:,} rows, {len(seen.columns)} columns,"
        f" from {seen.first:%Y-%m-%d} to {seen.last:%Y-%m-%d}.",
        f"Predicts '{seen.target.name}'; the event time is '{seen.time.name}'.",
        f"{folder / 'features.py'}: what a model sees of a row.",
    )
    return Made(folder, (*told, *_odd(seen)))


def _odd(seen: "Look") -> Iterator[str]:
    """Tell how the files were understood, where they are not written as most are: a person may know better."""
    if seen.dialect.delimiter != ",":
        yield f"Values are divided by {seen.dialect.delimiter!r}."
    if seen.dialect.encoding != "utf-8":
        yield f"The text is read as {seen.dialect.encoding}."
    for column in seen.columns:
        if column.form:
            yield f"'{column.name}' is read as {column.form}."
    if any(column.comma for column in seen.columns):
        yield "A comma is the decimal sign."
    if seen.target.words:
        yield f"'{seen.target.name}': {', '.join(f'{theirs} is {ours}' for theirs, ours in seen.target.words.items())}."


def _refuse_a_file(folder: Path) -> None:
    """Refuse where a file stands in the way of the folder."""
    for place in (folder, *folder.parents):
        if place.exists() and not place.is_dir():
            raise InputError(
                f"{place} is a file, not a folder.",
                remedy="Nothing was written. Name the folder to make; --data names data.",
            )


def _refuse_to_overwrite(new: list[Path]) -> None:
    there = [str(path) for path in new if path.exists() or path.is_symlink()]
    if there:
        raise InputError(
            f"{', '.join(there)} {'is' if len(there) == 1 else 'are'} there already.",
            remedy="Nothing was written. Name another folder, or move what is there.",
        )


def _question(target: str, above: float) -> str:
    return (
        f"Will {target} be true?" if above == 0.5 else f"Will {target} be more than {above:g}?"
    )  # 0.5: noughts and ones


def _name(folder: Path) -> str:
    word = re.sub(r"[^a-z0-9_-]+", "-", folder.resolve().name.lower()).strip("-_")
    return (word if word[:1].isalpha() else f"project-{word}".rstrip("-"))[:63]


def _from(folder: Path, path: str) -> str:
    """Return `path` as seen from `folder` where it lies near, so that both can be moved; else from the root."""
    base = folder.resolve()
    near = os.path.relpath(path, base)
    apart = os.path.commonpath([path, base]) == os.path.sep
    return path if apart or near.count("..") > _CLIMB else near
