"""Private folders and files, where the packages that use them do not come."""

import os
from pathlib import Path

import pytest

from mlray.errors import AccessDenied, StoreError
from mlray.security import _private
from mlray.security._private import create_private, private_folder, read_private, replace_private


def test_a_stranger_s_folder_is_refused(tmp_path, monkeypatch):
    folder = private_folder(tmp_path / "keys")
    owner = os.getuid()
    if owner == 0:
        os.chown(folder, 4711, 4711)
        owner = 4711
    monkeypatch.setattr(_private.os, "geteuid", lambda: owner + 1)
    with pytest.raises(AccessDenied, match=f"belongs to user {owner}, not to you"):
        private_folder(folder)
    monkeypatch.setattr(_private.os, "geteuid", lambda: 0)
    assert private_folder(folder) == folder


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file/keys cannot be made"):
        private_folder(tmp_path / "file" / "keys")
    with pytest.raises(StoreError, match="file cannot be made"):
        private_folder(tmp_path / "file")


def test_creating_never_overwrites(tmp_path):
    assert create_private(tmp_path / "a", b"first")
    assert not create_private(tmp_path / "a", b"second")
    assert read_private(tmp_path / "a") == b"first"
    replace_private(tmp_path / "a", b"third")
    assert read_private(tmp_path / "a") == b"third"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_the_mode_does_not_depend_on_the_umask(tmp_path):
    before = os.umask(0)
    try:
        create_private(private_folder(tmp_path / "keys") / "a", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "keys" / "a").stat().st_mode & 0o777 == 0o600


def test_writing_where_nothing_can_be_written_is_an_error(tmp_path):
    for write in (create_private, replace_private):
        with pytest.raises(StoreError, match="cannot be written"):
            write(tmp_path / "missing" / "a", b"")


def test_only_plain_files_are_read(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(StoreError, match="is not a plain file"):
            read_private(path)
    with pytest.raises(FileNotFoundError):
        read_private(tmp_path / "missing")
