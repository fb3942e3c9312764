"""Reading the project file: everything that is wrong with it, at once, with file and line."""

import copy
from collections.abc import Callable, Iterable
from pathlib import Path as File

from pydantic import ValidationError

from mlray.errors import SpecError
from mlray.spec._contracts import frozen, join_contract
from mlray.spec._explain import Finding, explain
from mlray.spec._files import faults_of_files
from mlray.spec._mend import mend
from mlray.spec._model import ProjectSpec
from mlray.spec._yaml import Fault, Path, Source, read_yaml

__all__ = ["FILE", "read_spec"]

FILE = "mlray.yaml"
# Each look mends what the last one found; a fault can hide another, which can hide a third.
LOOKS = 8


def read_spec(
    path: File | str, *, check: Callable[[ProjectSpec], None] | None = None, sources: bool = True
) -> ProjectSpec:
    """Return the project that the file at `path`, or the `mlray.yaml` in the folder `path`, describes.

    Args:
        path: The file or its folder.
        check: What only a later stage knows, such as the parameters of the trainers. It raises a SpecError whose
            problems begin with the path of a key, `model.trainers.xgboost.depth: what`; they get their lines here.
        sources: Whether the files of the sources must be there. Whoever watches a project that runs leaves it to the
            crawler to notice that they are gone.

    Raises:
        SpecError: with one line per fault, `file:line: what, with the value and the closest valid key or value`.
    """
    file = _file(File(path))
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError([f"{file}:1: cannot be read: {error}."]) from error
    source = read_yaml(text)
    if source.faults and source.value is None:
        raise _error(file, source.faults)
    join_contract(source, file.parent)
    spec, findings = _look(source)
    if spec is not None:
        spec = spec.model_copy(update={"folder": file.parent.resolve()})
        told = {found.path for found in findings}
        found_later = [
            *faults_of_files(spec, sources=sources),
            *(_asked(check, spec, source) if check is not None else []),
        ]
        findings += [found for found in found_later if not _follows(found.path, told)]
    findings = [found for found in findings if found.path[: len(source.unread)] != source.unread]
    faults = [*source.faults, *(source.fault(found.path, found.what) for found in findings)]
    if faults or spec is None:
        raise _error(file, faults)
    return spec


def _file(path: File) -> File:
    if path.is_dir():
        path /= FILE
    if path.is_file():
        return path
    near = sorted(str(found) for found in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
    # A path without an ending was meant to be the project's folder.
    place = path.parent if path.suffix else path
    hint = f"There is {', '.join(near[:3])}." if near else f"`mlray init {place}` makes one; or is the path wrong?"
    raise SpecError([f"{path}:1: there is no such project file."], remedy=hint)


def _look(source: Source) -> tuple[ProjectSpec | None, list[Finding]]:
    """Validate, mend what was found in a copy, and look again, so that one fault does not hide the next."""
    value = copy.deepcopy(source.value)
    findings: list[Finding] = []
    if isinstance(value, dict) and value.pop("folder", None) is not None:
        # A field of the model that only the reader sets.
        findings.append(
            Finding(("folder",), "unknown key 'folder' in the project; it is where the file lies", "folder")
        )
    told: set[Path] = set()
    quiet: set[str] = set()
    for _ in range(LOOKS):
        try:
            return ProjectSpec.model_validate(frozen(value), strict=True, context={"quiet": quiet}), findings
        except ValidationError as error:
            said = explain(error.errors(include_url=False), value, source.texts)
        # What is said about a column that is itself at fault would be about the copy, not about the file.
        faulty = {column for path in told if (column := _column(path))}
        new = [found for found in said if found.path not in told and found.about not in faulty]
        findings += new
        told |= {found.path for found in new}
        # Values that do not go together cannot be mended: they are let through when nothing else is new.
        quiet |= {found.part for found in said} if not new else set()
        for found in said:
            mend(value, found, source)
    return None, findings


def _follows(path: Path, told: set[Path]) -> bool:
    """Return whether what is said at `path` may only follow from what was told: it, or what it depends on, was mended.

    A parameter at fault stands in for itself with some constant; what is said about that, or of conditions on it, would
    not be about the file.
    """
    below = [at for at in told if at[:2] == ("model", "trainers") and at[:3] == path[:3] and len(at) > _PARAMETER]
    return path in told or any("when" in path or at[:4] == path[:4] for at in below if len(path) > _PARAMETER)


_PARAMETER = 3
"""Steps above a parameter: model, trainers, a trainer."""


def _column(path: Path) -> str:
    """Return the column whose very type the fault at `path` leaves open; nothing for other faults."""
    at = path[1:] if path[:2] == ("data", "columns") else path[3:] if path[1:2] == ("lookups",) else ()
    return str(at[1]) if at[:1] == ("columns",) and len(at) > 1 and at[2:] in ((), ("type",)) else ""


def _asked(check: Callable[[ProjectSpec], None], spec: ProjectSpec, source: Source) -> list[Finding]:
    """Ask `check`, and find the path that each of its problems begins with."""
    try:
        check(spec)
    except SpecError as error:
        return [Finding(_path(problem, source), problem, "check") for problem in error.problems]
    return []


def _path(problem: str, source: Source) -> Path:
    path: Path = ()
    name = ""
    # A name may have dots of its own, as that of a trainer in a package: it ends where the file has such a key.
    for step in problem.partition(": ")[0].split("."):
        name = f"{name}.{step}" if name else step
        if (*path, name) in source.lines:
            path, name = (*path, name), ""
    return path


def _error(file: File, faults: Iterable[Fault]) -> SpecError:
    # What is wrong with the contract comes first: it is often the cause of the rest.
    ordered = sorted(dict.fromkeys(faults), key=lambda fault: (not fault.file, fault.file, fault.line))
    return SpecError([f"{fault.file or file}:{fault.line}: {fault.what}" for fault in ordered])
