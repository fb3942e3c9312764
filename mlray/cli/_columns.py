"""Whether the files have the columns that the contract speaks of; only their headers are read."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from mlray.errors import DataError
from mlray.spec import ProjectSpec, SourceSpec

__all__ = ["column_problems"]


def column_problems(spec: ProjectSpec) -> Iterator[str]:
    """Return one problem per column that some file lacks, after the mappings have renamed what they rename."""
    own = {name: f"data.columns.{name}" for name in spec.data.columns}
    yield from _of_source(spec, "data.source", spec.data.origin, own)
    for name, lookup in spec.data.lookups.items():
        where = f"data.lookups.{name}"
        wanted = dict.fromkeys(lookup.on, f"{where}.on")
        wanted |= {column: f"{where}.columns.{column}" for column in lookup.columns}
        yield from _of_source(spec, f"{where}.source", lookup.origin, wanted)


def _of_source(spec: ProjectSpec, at: str, source: SourceSpec, wanted: Mapping[str, str]) -> Iterator[str]:
    from mlray.data._compile import Ways
    from mlray.data.sources import columns_of, find

    if not source.here:
        return
    try:
        found = find(source, spec.folder)
    except DataError:
        return  # told already, with the closest name
    ways = Ways(spec.data)
    has: dict[Path, tuple[str, ...]] = {}
    for file in found:
        try:
            mapping = ways.mapping(file.name)
            # As ingestion reads it: with another separator a file has other columns.
            names = columns_of(file.written_in(mapping.encoding, mapping.delimiter))
            has[Path(file.name)] = tuple(mapping.rename.get(name, name) for name in names)
        except DataError as error:
            yield f"{at}: {error}"
    for column, path in wanted.items():
        lacking = [file for file, names in has.items() if column not in names]
        if lacking:
            names = has[lacking[0]]
            count = "" if len(has) == 1 else f" ({len(lacking)} of {len(has)} files)"
            yield f"{path}: {lacking[0].name} has no column '{column}'{count}; {_hint(column, names, wanted)}"


def _hint(column: str, names: tuple[str, ...], wanted: Mapping[str, str]) -> str:
    from mlray.spec import did_you_mean

    return did_you_mean(column, [name for name in names if name not in wanted] or names)
