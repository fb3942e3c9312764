"""Folders and files for one user's eyes: made so, and refused where somebody else could read or change them."""

import os
import stat
from pathlib import Path

from mlray.errors import AccessDenied, StoreError

__all__ = ["create_private", "private_folder", "read_private", "replace_private"]


def private_folder(folder: Path) -> Path:
    """Return `folder`, made with mode 700 where it is missing.

    Raises:
        AccessDenied: it is there and others may look inside, it belongs to somebody else, or it is a link.
        StoreError: it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise StoreError(f"{folder} cannot be made: {error.strerror}.", remedy="Name another folder.") from error
    _refuse_open(folder, found, 0o700)
    return folder


def read_private(file: Path) -> bytes:
    """Return the bytes of `file`.

    Raises:
        AccessDenied: others may read or write it, it belongs to somebody else, or it is a link.
        StoreError: it cannot be read.
        FileNotFoundError: it is not there.
    """
    try:
        # The open file is checked: one checked by name could be exchanged before it is opened. A pipe must not block.
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreError(
            f"{file} cannot be read: {error.strerror}.", remedy="It must be a plain file of yours."
        ) from error
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise StoreError(f"{file} is not a plain file.", remedy="Remove it; it is made anew when it is needed.")
        _refuse_open(file, found, 0o600)
        with os.fdopen(handle, "rb", closefd=False) as opened:
            return opened.read()
    finally:
        os.close(handle)


def create_private(file: Path, content: bytes) -> bool:
    """Write `content` to a new `file` of mode 600; False where another was faster and the file is already there."""
    aside = _aside(file, content)
    try:
        # A link appears whole or not at all, and never over an existing file.
        os.link(aside, file)
    except FileExistsError:
        return False
    finally:
        aside.unlink()
    return True


def replace_private(file: Path, content: bytes) -> None:
    """Write `content` to `file` with mode 600; whoever reads sees the old content or the new, never a part."""
    _aside(file, content).replace(file)


def _aside(file: Path, content: bytes) -> Path:
    aside = file.with_name(f".{file.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(handle)
    except OSError as error:
        raise StoreError(
            f"{file} cannot be written: {error.strerror}.", remedy="Check the disk and its rights."
        ) from error
    return aside


def _refuse_open(path: Path, found: os.stat_result, mode: int) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise AccessDenied(f"{path} is a link.", remedy="Put the folder itself there.")
    seen = stat.S_IMODE(found.st_mode)
    if seen & 0o077:
        raise AccessDenied(
            f"{path} has mode {seen:o}: others on this machine may open it.",
            remedy=f"Run `chmod {mode:o} '{path}'`; on a file system without modes name another `workspace.root`.",
        )
    me = os.geteuid()
    # Root may read what is anybody's; for everyone else a stranger's file is a stranger's choice of secrets.
    if me != 0 and found.st_uid not in (me, 0):
        raise AccessDenied(
            f"{path} belongs to user {found.st_uid}, not to you ({me}).", remedy="Make a folder of your own."
        )
