"""Which files a source has: listed with size, time and etag, and never opened."""

from pathlib import Path

from mlray.data.sources._place import SourceFile
from mlray.errors import DataError
from mlray.spec import SourceSpec

__all__ = ["files", "find", "name_of"]


def find(spec: SourceSpec, folder: Path) -> list[SourceFile]:
    """Return the files of a source of files, in order of name: on this machine, in a bucket, or behind HTTP.

    Raises:
        DataError: there are none.
        UnavailableError: the bucket or the server does not answer.
    """
    if spec.here:
        return [_here(path, folder, spec) for path in files(folder, spec.path)]
    if spec.scheme in ("http", "https"):
        from mlray.data.on_http import seen

        return [seen(spec)]
    from mlray.data.on_obstore import listed

    found = listed(spec)
    if not found:
        raise DataError(f"No object matches '{spec}'.", remedy="Check the bucket, the path and the pattern.")
    return found


def files(folder: Path, pattern: str) -> list[Path]:
    """Return the files that `pattern` (relative to `folder`, or absolute) names, in order of name.

    Raises:
        DataError: there are none.
    """
    path = Path(pattern)
    base, relative = (
        (Path(path.anchor), str(path.relative_to(path.anchor))) if path.is_absolute() else (folder, pattern)
    )
    found = sorted(found for found in base.glob(relative) if found.is_file())
    if not found:
        near = base / Path(relative).parent
        there = sorted(entry.name for entry in near.iterdir())[:5] if near.is_dir() else []
        raise DataError(
            f"No file matches '{pattern}' in {folder}.",
            remedy=f"{near} has {', '.join(there)}." if there else f"The folder {near} is empty or missing.",
        )
    return found


def name_of(path: Path, folder: Path) -> str:
    """Return the name of a file in messages and manifests: its path from `folder` on, or whole if it lies elsewhere."""
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()


def _here(path: Path, folder: Path, spec: SourceSpec) -> SourceFile:
    try:
        stat = path.stat()
    except OSError as error:
        raise DataError(
            f"{path} went away while the source was listed: {error.strerror}.", remedy="Try again."
        ) from error
    return SourceFile(name_of(path, folder), path, spec, size=stat.st_size, modified=str(stat.st_mtime_ns))
