"""A proposed mapping: shown with its reasons, and written down where somebody accepts it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mlray.cli import _show
from mlray.errors import InputError

if TYPE_CHECKING:
    from mlray.data._propose import Proposal
    from mlray.spec import MappingSpec

__all__ = ["accept_into", "tell"]


def accept_into(path: Path, mapping: "MappingSpec", table: str) -> Path:
    """Write `mapping` into the contract or project at `path`, and return the file that was changed."""
    from mlray.spec import FILE, read_spec, with_mapping

    if path.is_dir() or path.name == FILE:
        spec = read_spec(path, sources=False)
        path = spec.folder / (spec.data.contract or FILE)
    if not path.is_file():
        raise InputError(f"{path} is no file that could be changed.", remedy="Pull it into one first.")
    path.write_text(with_mapping(path.read_text(encoding="utf-8"), mapping, table=table), encoding="utf-8")
    return path


def tell(proposals: "Sequence[Proposal]", missing: Sequence[str], mapping: "MappingSpec | None", least: float) -> None:
    """Print what was found, and the mapping that comes of it."""
    from mlray.spec._odcs_write import flow_text

    rows = [
        (one.column, one.theirs, f"{one.confidence:.2f}", one.unit or None, _codes(one), "; ".join(one.because) or None)
        for one in sorted(proposals, key=lambda one: -one.confidence)
    ]
    _show.table(("column", "in the source", "confidence", "unit", "codes", "because"), rows)
    unsure = [one.column for one in proposals if one.confidence < least]
    if unsure:
        typer.echo(f"Left out below {least:g}: {', '.join(unsure)}.")
    if missing:
        typer.echo(f"Not found: {', '.join(missing)}.")
    if mapping is None:
        typer.echo("Nothing needs to be mapped.")
        return
    told = {"files": mapping.files, **mapping.model_dump(mode="json", exclude_defaults=True, exclude={"files"})}
    typer.echo(f"\nmappings:\n  - {flow_text(told)}")


def _codes(one: "Proposal") -> str | None:
    pairs = [f"{theirs}→{ours}" for theirs, ours in one.values.items()]
    return ", ".join(pairs[:4]) + (" …" if pairs[4:] else "") if pairs else None
