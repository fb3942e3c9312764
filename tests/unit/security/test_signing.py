"""Signatures: whatever is done to a signed folder is found and named before anything is loaded."""

import errno
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlray.errors import AccessDenied, StoreError
from mlray.security import MANIFEST, sign, signing_key, verified, verify

KEY = b"k" * 32


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "model.ubj").write_bytes(b"\x00weights")
    (folder / "sub" / "features.json").write_text("{}")
    (folder / "empty").write_bytes(b"")
    sign(folder, KEY)
    return folder


def test_an_untouched_folder_verifies_to_the_digest_that_was_signed(model):
    assert verify(model, KEY) == sign(model, KEY) == verify(model, KEY)
    assert len(verify(model, KEY)) == 64


def test_contents_come_from_the_reading_that_was_verified(model):
    assert verified(model, KEY) == {"model.ubj": b"\x00weights", "sub/features.json": b"{}", "empty": b""}


def test_the_digest_depends_on_contents_and_names_not_on_the_place(model, tmp_path):
    shutil.copytree(model, tmp_path / "copy")
    assert verify(tmp_path / "copy", KEY) == verify(model, KEY)
    (tmp_path / "copy" / "empty").rename(tmp_path / "copy" / "void")
    assert sign(tmp_path / "copy", KEY) != verify(model, KEY)


def test_the_manifest_lists_every_file_with_its_digest_and_size(model):
    manifest = json.loads((model / MANIFEST).read_text())
    assert manifest["files"].keys() == {"model.ubj", "sub/features.json", "empty"}
    assert manifest["files"]["model.ubj"]["bytes"] == 8
    assert manifest["digest"] == verify(model, KEY)
    assert [path.name for path in model.parent.iterdir()] == ["model"]


@pytest.mark.parametrize(
    ("tamper", "says"),
    [
        (lambda m: (m / "model.ubj").write_bytes(b"\x00Weights"), r"model\.ubj was changed after it was signed"),
        (lambda m: (m / "model.ubj").write_bytes(b""), r"model\.ubj was changed after it was signed"),
        (lambda m: (m / "sub" / "features.json").unlink(), r"sub/features\.json was signed and is missing"),
        (lambda m: (m / "evil.pkl").write_bytes(b"."), r"evil\.pkl was added after the folder was signed"),
        (lambda m: (m / "sub" / MANIFEST).write_text("{}"), r"sub/manifest\.json was added"),
        (lambda m: (m / "empty").rename(m / "void"), r"empty was signed and is missing"),
        (lambda m: (m / MANIFEST).unlink(), "the folder was never signed"),
        (lambda m: sign(m, b"x" * 32), "not signed with this workspace's key"),
    ],
    ids=["one byte", "emptied", "removed", "added", "a second manifest", "renamed", "no manifest", "another key"],
)
def test_tampering_is_named(model, tamper, says):
    tamper(model)
    for check in (verify, verified):
        with pytest.raises(AccessDenied, match=says) as caught:
            check(model, KEY)
        assert "Do not load it" in caught.value.remedy


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "{}", '{"files": {}}', '{"files": 1, "signature": 2}', "[" * 100_000, '{"files": {}, "signature": "é"}'],
    ids=["empty", "cut off", "list", "null", "bare", "no signature", "numbers", "deep", "not ASCII"],
)  # fmt: skip
def test_a_manifest_that_is_none_is_not_believed(model, text):
    (model / MANIFEST).write_text(text)
    with pytest.raises(AccessDenied, match=r"manifest\.json is not") as caught:
        verify(model, KEY)
    assert caught.value.remedy


def test_a_manifest_changed_with_its_file_is_not_believed(model):
    (model / "model.ubj").write_bytes(b"evil")
    signature = json.loads((model / MANIFEST).read_text())["signature"]
    sign(model, b"x" * 32)
    forged = json.loads((model / MANIFEST).read_text()) | {"signature": signature}
    (model / MANIFEST).write_text(json.dumps(forged))
    with pytest.raises(AccessDenied, match="not signed with this workspace's key"):
        verify(model, KEY)


def test_links_and_pipes_are_not_files(model):
    (model / "link").symlink_to("/etc/passwd")
    for act in (sign, verify):
        with pytest.raises(StoreError, match="link is not a plain file"):
            act(model, KEY)
    (model / "link").unlink()
    os.mkfifo(model / "pipe")
    with pytest.raises(StoreError, match="pipe is not a plain file"):
        verify(model, KEY)


def test_what_cannot_be_signed_is_named(model, tmp_path):
    with pytest.raises(StoreError, match="holds no files"):
        sign(tmp_path / "nothing", KEY)
    with pytest.raises(StoreError, match="does not exist"):
        verify(tmp_path / "nothing", KEY)
    (model / "two\nlines").write_text("")
    with pytest.raises(StoreError, match=r"'two\\nlines'"):
        sign(model, KEY)


def test_a_disk_that_fails_is_told_with_the_file(model, monkeypatch):
    def fail(path: Path) -> bytes:
        raise OSError(errno.EIO, "Input/output error", str(path))

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(StoreError, match="empty cannot be read: Input/output error") as caught:
        verify(model, KEY)
    assert caught.value.remedy


def test_a_manifest_in_whose_place_a_folder_lies_is_an_error(model):
    (model / MANIFEST).unlink()
    (model / MANIFEST).mkdir()
    with pytest.raises(StoreError, match="cannot be read"):
        verify(model, KEY)
    with pytest.raises(StoreError, match="cannot be written"):
        sign(model, KEY)


def test_the_key_is_made_once_and_for_its_owner_only(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(signing_key, [tmp_path / "keys"] * 16))
    assert len(keys) == 1
    assert len(keys.pop()) == 32
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["signing.key"]
    assert (tmp_path / "keys" / "signing.key").stat().st_mode & 0o777 == 0o600


def test_a_key_that_is_cut_off_or_open_to_others_is_refused(tmp_path):
    signing_key(tmp_path / "keys")
    file = tmp_path / "keys" / "signing.key"
    file.write_bytes(b"short")
    with pytest.raises(AccessDenied, match="holds 5 bytes, not the 32 of a key"):
        signing_key(tmp_path / "keys")
    file.write_bytes(KEY)
    file.chmod(0o644)
    with pytest.raises(AccessDenied, match="has mode 644"):
        signing_key(tmp_path / "keys")
