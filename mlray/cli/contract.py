"""Contracts by hand: `mlray contract infer`, `map`, `diff`, `lint`, `show`, `list`, `push` and `pull`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlray.cli import _show
from mlray.cli._dialect import differing
from mlray.cli._frame import Json, opened
from mlray.cli._proposal import accept_into, tell
from mlray.clock import SystemClock
from mlray.errors import DataError, InputError, NotFoundError

if TYPE_CHECKING:
    import pyarrow as pa

    from mlray.data._compat import Change
    from mlray.spec import Data, ProjectSpec, SourceSpec

__all__ = ["diff", "infer", "lint", "listed", "mapped", "pull", "push", "replay", "show"]

Project = Annotated[
    Path, typer.Option("--project", "-p", metavar="PROJECT", help="A folder or its mlray.yaml; here by default.")
]
Author = Annotated[
    str, typer.Option(envvar="MLRAY_AUTHOR", help="Who does it; the version keeps it. User and machine by default.")
]
Note = Annotated[str, typer.Option(help="Why; the version keeps it.")]
Known = Annotated[
    str, typer.Argument(metavar="CONTRACT", help="A contract's file, a project, or NAME@v2 in the workspace.")
]
Least = Annotated[float, typer.Option(help="The least confidence with which a column is mapped.", min=0, max=1)]
NEWEST = 50_000
"""Rows of the head that a new source is compared with."""


def infer(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A Parquet, CSV or JSON file, or a pattern of such files.")
    ],
    *,
    name: Annotated[str | None, typer.Option(help="What the dataset is called; the file's name by default.")] = None,
    time: Annotated[str | None, typer.Option(help="The column with the event time.", show_default=False)] = None,
    key: Annotated[str | None, typer.Option(help="Columns that name a row, with commas.", show_default=False)] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write it to this file.", show_default=False)] = None,
) -> None:
    """Draft a contract for data that nobody has described yet.

    Types, codes, missing values, times, decimal signs, units in names and a key are taken from what is there. It is a
    draft in the Open Data Contract Standard: read it, and say what the data means.
    """
    from mlray.data import sources
    from mlray.data._infer import draft, sample
    from mlray.spec import SourceSpec, contract_text

    found = sources.files(Path.cwd(), file)
    written = differing(found[0], SourceSpec(files=file))
    keys = [one.strip() for one in key.split(",")] if key is not None else None
    table = name or found[0].name.split(".")[0].rstrip("-_0123456789") or "rows"
    data = draft(sample(found[0], written=written), table, file, time=time, key=keys, written=written)
    _write(contract_text(data, purpose=f"Drafted from {found[0].name}"), out)


def show(contract: Known = ".", *, project: Project = Path(), json: Json = False) -> None:
    """Print a contract in the Open Data Contract Standard, whichever way the project writes it down."""
    from mlray.spec import contract_text

    data, _, text = _terms(contract, project)
    if json:
        _show.json_out(data.model_dump(mode="json", exclude_defaults=True))
    else:
        typer.echo((text or contract_text(data, target=True)).rstrip())


def lint(contract: Known = ".", *, project: Project = Path(), json: Json = False) -> None:
    """List what is wrong with a contract, and what it leaves open. Faults end with exit code 2."""
    from mlray.data import Contract
    from mlray.data._lint import remarks

    data, version, text = _terms(contract, project)
    Contract.compile(data)
    found = remarks(data, text)
    if json:
        _show.json_out({"ok": True, "contract": data.table, "version": version, "remarks": list(found)})
        return
    typer.echo(f"Nothing is wrong with '{data.table}'{f' {version}' if version else ''}.")
    for one in found:
        typer.echo(f"  {one}")


def diff(
    old: Known,
    new: Annotated[
        str, typer.Argument(metavar="[CONTRACT]", help="What it is compared with; the project by default.")
    ] = ".",
    *,
    project: Project = Path(),
    within: Annotated[
        Path | None,
        typer.Option(help="Look for projects in this folder and name those that break.", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Say what changed between two contracts, and which change breaks whom: readers, writers, callers of endpoints."""
    from mlray.data._compat import compare, loosened

    before, after = _terms(old, project)[0], _terms(new, project)[0]
    changes = compare(before, after)
    broken = {str(place): told for place, told in _users(within, after.table, changes)} if within else {}
    if json:
        _show.json_out(
            {"changes": [asdict(one) for one in changes], "replayable": loosened(before, after), "projects": broken}
        )
        return
    if not changes:
        typer.echo("Both say the same of every row.")
    for one in changes:
        typer.secho(f"{'!' if one.breaking else ' '} {one}", fg="red" if one.breaking else None)
    for place, told in broken.items():
        typer.echo(f"{place}: {'; '.join(told)}")
    if changes and loosened(before, after):
        typer.echo("Rows that are there stay as they are; `mlray data replay` takes up those that now pass.")
    elif any(one.again for one in changes):
        typer.echo("The next ingestion reads the source again from the beginning.")


def mapped(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A file of the new source, or a pattern of such files.")
    ],
    contract: Known = ".",
    *,
    project: Project = Path(),
    files: Annotated[str | None, typer.Option(help="Pattern of the files it is for; SOURCE's name by default.")] = None,
    least: Least = 0.5,
    accept: Annotated[bool, typer.Option("--accept", help="Write it into the contract, or into mlray.yaml.")] = False,
    json: Json = False,
) -> None:
    """Propose how a new source is brought into the contract's words: names, units, codes, times, decimal signs.

    Names, synonyms, values and typical sizes are compared, with the rows that are there where there are any. Nothing is
    written without --accept.
    """
    from mlray.data import Contract, sources
    from mlray.data._infer import sample
    from mlray.data._propose import mapping_of, propose

    found = sources.files(Path.cwd(), source)
    data = _terms(contract, project)[0]
    written = differing(found[0], data.origin)
    table = sample(found[0], written={**_said(data.origin), **written})
    proposals = propose(Contract.compile(data), table, _head(contract, project, data.table))
    mapping = mapping_of(proposals, files or Path(source).name, least, written=written)
    missing = [name for name in data.columns if name not in {one.column for one in proposals}]
    if json:
        told = mapping.model_dump(mode="json", exclude_defaults=True) if mapping else None
        _show.json_out({"proposals": [asdict(one) for one in proposals], "missing": missing, "mapping": told})
    else:
        tell(proposals, missing, mapping, least)
    if accept and mapping is not None:
        place = accept_into(_place(contract, project), mapping, data.table)
        typer.echo(f"Written to {place}; `mlray check` looks it over.", err=json)


def _said(usual: "SourceSpec") -> dict[str, str]:
    return {"delimiter": usual.delimiter, "encoding": usual.encoding}


def push(
    contract: Known = ".", *, project: Project = Path(), author: Author = "", note: Note = "", json: Json = False
) -> None:
    """Keep a contract with its mappings in the workspace, for all its projects, as a new version.

    Where the newest one has the same text, it is kept again only for a note of its own.
    """
    from mlray.data import Contract
    from mlray.spec import contract_text

    data, _, text = _terms(contract, project)
    digest = Contract.compile(data).digest
    with opened(project) as found:
        catalog = _catalog(found)
        before = catalog.newest(data.table)
        made = catalog.push(
            data.table,
            text or contract_text(data, target=True),
            digest=digest,
            now=SystemClock().now(),
            author=author,
            note=note,
        )
    if json:
        told = {"ref": made.ref, "number": made.number, "digest": made.digest, "at": made.at, "new": made != before}
        _show.json_out(told)
        return
    if made == before:
        whose = f"{made.author} on {made.at[:10]}{f' ({made.note})' if made.note else ''}"
        typer.echo(f"{made.ref} is this contract already, pushed by {whose}; nothing was added.")
        return
    same = before is not None and before.text == made.text
    how = ", for its note: the text is as it was" if same else ""
    typer.echo(
        f"{made.ref} is in the workspace{how}; `mlray contract pull {made.ref} FILE` brings it to another project."
    )


def pull(
    name: Annotated[str, typer.Argument(metavar="NAME", help="NAME, its newest version, or NAME@v2.")],
    out: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Where to write it; printed by default.")] = None,
    *,
    project: Project = Path(),
) -> None:
    """Bring a contract of the workspace into a file."""
    with opened(project) as found:
        text = _catalog(found).get(name).text
    _write(text, out)


def listed(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Every version of this one; or a project.", show_default=False),
    ] = None,
    *,
    project: Project = Path(),
    json: Json = False,
) -> None:
    """List the contracts of the workspace, or all versions of one."""
    if name is not None and project == Path() and _is_project(Path(name)):
        project, name = Path(name), None
    with opened(project) as found:
        catalog = _catalog(found)
        log = [one for each in catalog.names() for one in catalog.log(each)[-1:]] if name is None else catalog.log(name)
        if name is not None and not log:
            catalog.get(name)
    if json:
        _show.json_out([{**asdict(one), "ref": one.ref} for one in log])
        return
    rows = [(one.ref, one.at[:16], one.digest[:12], one.author or None, one.note or None) for one in log]
    _show.table(("contract", "pushed", "digest", "author", "note"), rows)


def replay(*, project: Project = Path(), author: Author = "", note: Note = "", json: Json = False) -> None:
    """Try rows that were set aside again, after the contract or a mapping was put right; each joins once."""
    from mlray.data._replay import replay as tried

    with opened(project) as found:
        space = found.space
        before = space.store.head(space.spec.data.table)
        made = tried(space.spec.data, space.spec.folder, space.store, now=SystemClock().now(), author=author, note=note)
    taken = made.quality.kept - (before.quality.kept if before else 0)
    if json:
        _show.json_out({"version": made.name, "taken": taken, "set_aside": made.quality.rejected})
    elif taken:
        typer.echo(f"{made.name}: {taken:,} rows taken up, {made.quality.rejected:,} stay set aside.")
    else:
        typer.echo(f"No row passes yet; {made.quality.rejected:,} stay set aside, and {made.name} stays the head.")


def _terms(ref: str, project: Path) -> "tuple[Data, str, str]":
    """Return what `ref` names: its terms, its version and its text where it is a file of its own."""
    from mlray.spec import FILE, contract_text, parse_contract, read_contract, read_spec

    path = _place(ref, project)
    if path.is_dir() or path.name == FILE:
        spec = read_spec(path, sources=False)
        if not spec.data.contract:
            return spec.data, "", ""
        own = read_contract(spec.folder / spec.data.contract)
        # The project may add to its contract; what the file says of itself stays as it is.
        said = {"name": own.id, "version": own.version, "status": own.status, "purpose": own.description}
        return spec.data, own.version, contract_text(spec.data, **said, target=True)
    if path.is_file():
        found = read_contract(path)
        return found.data, found.version, found.text
    try:
        with opened(project) as there:
            kept = _catalog(there).get(ref)
    except NotFoundError as error:
        raise NotFoundError(
            f"'{ref}' is no file, no project, and no contract of the workspace.", remedy=error.remedy
        ) from error
    return parse_contract(kept.text, kept.ref).data, f"v{kept.number}", kept.text


def _is_project(path: Path) -> bool:
    return (path / "mlray.yaml").is_file() or path.name == "mlray.yaml"


def _place(ref: str, project: Path) -> Path:
    """Return the file or folder that is meant: the project's where none is named."""
    return Path(ref) if ref != "." or project == Path() else project


def _catalog(found: Any) -> Any:  # noqa: ANN401 (the project; the catalog)
    from mlray.data._catalog import Catalog

    return Catalog(found.space.store.storage)


def _head(contract: str, project: Path, table: str) -> "pa.Table | None":
    """Return some of the newest rows in the contract's words, where the project has any."""
    place = _place(contract, project)
    if not _is_project(place):
        return None
    with opened(place) as found:
        head = found.space.store.head(table)
        if head is None or not head.fragments:
            return None
        rows: pa.Table = found.space.store.read_fragment(head, head.fragments[-1])
        return rows.slice(0, NEWEST)


def _users(folder: Path, table: str, changes: "Sequence[Change]") -> Iterator[tuple[Path, list[str]]]:
    """Yield the projects in `folder` that read this table, and what of the changes breaks them."""
    from mlray.errors import SpecError
    from mlray.spec import FILE, read_spec

    for file in sorted(folder.glob(f"**/{FILE}")):
        try:
            spec = read_spec(file, sources=False)
        except SpecError:
            continue
        if spec.data.table == table:
            yield file.parent, list(_broken(spec, changes)) or ["nothing breaks"]


def _broken(spec: "ProjectSpec", changes: "Iterable[Change]") -> Iterator[str]:
    with opened(spec.folder) as found:
        facts = found.status()
    live = facts.get("live")
    for one in changes:
        if not one.breaking or (one.column and one.column not in spec.data.all_columns):
            continue
        yield f"its endpoint answers with {live}: {one.what}" if "callers" in one.breaks and live else one.what


def _write(text: str, out: Path | None) -> None:
    if out is None:
        typer.echo(text.rstrip())
        return
    if out.exists():
        raise InputError(f"{out} is there already.", remedy="Nothing was written; name another file.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{out} cannot be written: {error.strerror}.", remedy="Name another file.") from error
    typer.echo(f"{out} is written.")
