from concurrent.futures import ThreadPoolExecutor

import pytest

from mlray.coordinator.secrets import read_secret, secret
from mlray.errors import AccessDenied, NotFoundError
from mlray.security import KeyRing

SCOPES = ("predict", "feedback")


def test_a_key_is_issued_once_and_opens_the_door(tmp_path):
    ring = KeyRing(tmp_path / "keys")
    key = secret(ring, tmp_path / "keys", "client", "default", SCOPES)
    assert secret(ring, tmp_path / "keys", "client", "default", SCOPES) == key
    assert read_secret(tmp_path / "keys", "client") == key
    assert ring.check(f"Bearer {key}", "predict").tenant == "default"


def test_many_who_ask_at_once_get_one_key_and_leave_no_other(tmp_path):
    ring = KeyRing(tmp_path / "keys")
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: secret(ring, tmp_path / "keys", "client", "default", SCOPES), range(8)))
    assert len(keys) == 1
    assert len(ring.identities()) == 1


def test_a_key_that_was_never_issued_is_not_found(tmp_path):
    with pytest.raises(NotFoundError):
        read_secret(tmp_path, "client")


def test_a_key_that_others_may_read_is_refused(tmp_path):
    ring = KeyRing(tmp_path / "keys")
    secret(ring, tmp_path / "keys", "client", "default", SCOPES)
    (tmp_path / "keys" / "client.key").chmod(0o644)
    with pytest.raises(AccessDenied):
        read_secret(tmp_path / "keys", "client")
