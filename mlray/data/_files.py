"""Files that are whole or absent, whatever is killed while they are written."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["claim", "fresh_name", "lent_folder", "place", "sync_folder", "write_aside"]


def fresh_name(folder: Path) -> Path:
    """Return a name in `folder`, which is made, that nobody else uses."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{os.getpid()}-{secrets.token_hex(8)}"


@contextmanager
def lent_folder(folder: Path) -> Iterator[Path]:
    """Lend a new folder in `folder` for files that nobody needs afterwards."""
    lent = fresh_name(folder)
    try:
        lent.mkdir()
        yield lent
    finally:
        shutil.rmtree(lent, ignore_errors=True)


def write_aside(folder: Path, content: bytes) -> Path:
    """Write `content` to the disk under a fresh name in `folder`, and return it."""
    aside = fresh_name(folder)
    with _or_gone(aside), aside.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return aside


def place(aside: Path, path: Path) -> None:
    """Move the finished file `aside` to `path`, replacing what is there; `aside` goes where that fails, too."""
    with _or_gone(aside):
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.replace(path)
    sync_folder(path.parent)


def claim(aside: Path, path: Path) -> bool:
    """Give the finished file `aside` the name `path` unless it is taken; tell whether it was free. `aside` goes."""
    with _or_gone(aside):
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # Unlike a rename, a link fails where the name exists: of two writers one wins, without any lock.
        os.link(aside, path)
    except FileExistsError:
        return False
    finally:
        aside.unlink()
    sync_folder(path.parent)
    return True


@contextmanager
def _or_gone(aside: Path) -> Iterator[None]:
    """Remove the file where writing or moving it fails: a full disk is not to be filled by what nobody will use."""
    try:
        yield
    except OSError:
        aside.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Have the folder's names on the disk."""
    # Until the folder is on disk too, a power cut could leave a manifest that names a file which is not there.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
