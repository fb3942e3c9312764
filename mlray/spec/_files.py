"""What a project file says about other files: they must be there, and be what they are taken for."""

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from mlray.errors import SpecError
from mlray.spec._explain import Finding
from mlray.spec._model import ProjectSpec
from mlray.spec._source import SourceSpec
from mlray.spec._words import closest

__all__ = ["check_sources", "faults_of_files"]

_KNOWN = (".parquet", ".pq", ".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".json", ".json.gz")


def faults_of_files(spec: ProjectSpec, *, sources: bool = True) -> list[Finding]:
    """Return what is wrong with the files that `spec` names, without reading any data; `sources` among them or not."""
    return [*_features(spec), *(_sources(spec) if sources else ()), *_prices(spec)]


def check_sources(spec: ProjectSpec) -> None:
    """Raise SpecError where a source has no file, or a mapping is of none; for those who are about to read them."""
    problems = [f"{spec.folder}: {found.what}" for found in _sources(spec)]
    if problems:
        raise SpecError(problems, remedy=f"`mlray check {spec.folder}` looks it over.")


def _features(spec: ProjectSpec) -> Iterator[Finding]:
    if not isinstance(spec.features, str):
        return
    path = ("features",)
    file = spec.folder / spec.features
    if not file.is_file():
        yield Finding(path, f"features: there is no file '{spec.features}'{_near(file)}", "file")
        return
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError, OSError) as error:
        line = getattr(error, "lineno", None) or 1
        yield Finding(path, f"features: {spec.features}:{line}: cannot be read as Python: {error}", "file")
        return
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    if "features" not in names:
        listed = f"; it has {', '.join(names)}" if names else ""
        yield Finding(path, f"features: '{spec.features}' has no function `features(rows)`{listed}", "file")


def _sources(spec: ProjectSpec) -> Iterator[Finding]:
    sources: list[tuple[tuple[str, ...], SourceSpec]] = [(("data", "source"), spec.data.origin)]
    sources += [(("data", "lookups", name, "source"), lookup.origin) for name, lookup in spec.data.lookups.items()]
    names: set[str] = set()
    complete = True
    for path, source in sources:
        if not source.here:
            complete = False
            continue
        pattern = source.path
        files = [file for file in _glob(spec.folder, pattern) if file.is_file()]
        names |= {file.name for file in files}
        if not files:
            complete = False
            yield Finding(path, f"{'.'.join(path)}: no file matches '{pattern}'{_near(spec.folder / pattern)}", "file")
        odd = [file.name for file in files if not file.name.lower().endswith(_KNOWN)]
        if odd and source.format is None:
            yield Finding(path, f"{'.'.join(path)}: '{odd[0]}' is neither Parquet nor CSV nor JSON lines", "file")
    for number, mapping in enumerate(spec.data.mappings):
        # A name that is missing may be that of a source which was not found.
        if complete and not any(fnmatch(name, mapping.files) for name in names):
            near = closest(mapping.files, names)
            hint = f"; the closest is '{near}'" if near else ""
            what = f"data.mappings[{number}].files: no source file is named '{mapping.files}'{hint}"
            yield Finding(("data", "mappings", number, "files"), what, "file")


def _prices(spec: ProjectSpec) -> Iterator[Finding]:
    book = spec.costs.prices
    if ("/" in book or book.endswith((".yaml", ".yml"))) and not (spec.folder / book).is_file():
        near = _near(spec.folder / book)
        yield Finding(("costs", "prices"), f"costs.prices: there is no price book '{book}'{near}", "file")


def _glob(folder: Path, pattern: str) -> list[Path]:
    # Path.glob takes no absolute pattern.
    base, rest = (Path(Path(pattern).anchor), pattern.lstrip("/")) if Path(pattern).is_absolute() else (folder, pattern)
    try:
        return sorted(base.glob(rest))
    except (ValueError, NotImplementedError):
        return []


def _near(file: Path) -> str:
    """Name the closest file in the same folder, or say that the folder itself is missing."""
    parent = file.parent
    if any(letter in str(parent) for letter in "*?["):
        return ""
    if not parent.is_dir():
        return f"; there is no folder '{parent.name}'"
    near = closest(file.name, [entry.name for entry in parent.iterdir() if entry.is_file()])
    return f"; the closest is '{near}'" if near else f"; '{parent.name}' holds nothing like it"
