"""Signatures for folders of files: a model is loaded only if it is byte for byte what was signed.

`manifest.json` lists every file with its SHA-256 and size, and carries an HMAC-SHA-256 over that list. Loading a pickle
runs code, so the check comes before anything is read by a library.
"""

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from mlray.errors import AccessDenied, StoreError
from mlray.ids import canonical, digest_of
from mlray.security._private import create_private, private_folder, read_private

__all__ = ["MANIFEST", "sign", "signing_key", "verified", "verify"]

MANIFEST = "manifest.json"
_KEY = "signing.key"
_UNTRUSTED = "Do not load it. Restore the folder from where it was made, or train and register again."
_MANIFEST_BYTES = 16 * 2**20

Files = Mapping[str, Mapping[str, str | int]]


def signing_key(folder: Path) -> bytes:
    """Return the workspace's signing key, 32 bytes from `folder`; made on first use, for its owner's eyes only.

    Raises:
        AccessDenied: others may read folder or file, or the file is not a key.
    """
    file = private_folder(folder) / _KEY
    if not file.exists():
        create_private(file, secrets.token_bytes(32))
    key = read_private(file)
    if len(key) != 32:
        raise AccessDenied(f"{file} holds {len(key)} bytes, not the 32 of a key.", remedy="Restore it from a backup.")
    return key


def sign(folder: Path, key: bytes) -> str:
    """Write `manifest.json` over all files of `folder` and return the digest that it signs.

    Raises:
        StoreError: a file cannot be read, is a link, or the folder has none.
    """
    files = {name: _facts(content) for name, content in _contents(folder).items()}
    if not files:
        raise StoreError(f"{folder} holds no files to sign.", remedy="Write the model there first.")
    manifest = {"files": files, "digest": digest_of(files), "signature": _signature(files, key)}
    # Beside the folder, not in it: what a crash leaves behind must not count as one of the files.
    aside = folder.parent / f".{folder.name}.{MANIFEST}.{os.getpid()}"
    try:
        aside.write_bytes(canonical(manifest))
        aside.replace(folder / MANIFEST)
    except OSError as error:
        raise StoreError(
            f"{folder / MANIFEST} cannot be written: {error.strerror}.", remedy="Check disk and rights."
        ) from error
    return digest_of(files)


def verify(folder: Path, key: bytes) -> str:
    """Return the digest that was signed, once every file of `folder` has been found as it was.

    Raises:
        AccessDenied: not signed, signed with another key, or a file was changed, added or removed; names it.
        StoreError: the folder or a file cannot be read.
    """
    return _verified(folder, key)[0]


def verified(folder: Path, key: bytes) -> dict[str, bytes]:
    """Return the files' contents by name, from the same reading that was verified: nothing can change in between.

    Raises:
        AccessDenied, StoreError: as `verify`.
    """
    return _verified(folder, key)[1]


def _verified(folder: Path, key: bytes) -> tuple[str, dict[str, bytes]]:
    files = _manifest(folder, key)
    contents = _contents(folder)
    for name in sorted(files.keys() | contents.keys()):
        if name not in contents:
            raise AccessDenied(f"{folder / name} was signed and is missing.", remedy=_UNTRUSTED)
        if name not in files:
            raise AccessDenied(f"{folder / name} was added after the folder was signed.", remedy=_UNTRUSTED)
        if _facts(contents[name]) != files[name]:
            raise AccessDenied(f"{folder / name} was changed after it was signed.", remedy=_UNTRUSTED)
    return digest_of(files), contents


def _manifest(folder: Path, key: bytes) -> Files:
    file = folder / MANIFEST
    try:
        with file.open("rb") as opened:
            manifest = json.loads(opened.read(_MANIFEST_BYTES))
        files, signature = cast("Files", manifest["files"]), str(manifest["signature"])
        expected = _signature(files, key)
    except FileNotFoundError as error:
        if not folder.is_dir():
            raise StoreError(f"The folder {folder} does not exist.", remedy="Check the path of the model.") from error
        raise AccessDenied(f"{file} is missing: the folder was never signed.", remedy=_UNTRUSTED) from error
    except OSError as error:
        raise StoreError(f"{file} cannot be read: {error.strerror}.", remedy="Check disk and rights.") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise AccessDenied(f"{file} is not a manifest: {error}.", remedy=_UNTRUSTED) from error
    if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
        raise AccessDenied(f"{file} is not signed with this workspace's key.", remedy=_UNTRUSTED)
    return files


def _contents(folder: Path) -> dict[str, bytes]:
    contents = {}
    try:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise StoreError(f"{path} is not a plain file.", remedy="Put the file itself there: a link can change.")
            if not name.isprintable():
                raise StoreError(f"{folder} has a file named {name!r}.", remedy="Give it a name that can be printed.")
            if path.is_file() and name != MANIFEST:
                contents[name] = path.read_bytes()
    except OSError as error:
        raise StoreError(
            f"{error.filename} cannot be read: {error.strerror}.", remedy="Check disk and rights."
        ) from error
    return contents


def _facts(content: bytes) -> dict[str, str | int]:
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def _signature(files: Files, key: bytes) -> str:
    # The prefix keeps a signature made here from being one for anything else that the same key may sign some day.
    return hmac.new(key, b"mlray folder v1\n" + canonical(files), hashlib.sha256).hexdigest()
