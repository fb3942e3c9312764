"""Keys: made once, kept as hashes, checked at every request."""

import hashlib
import json
import pickle
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlray.errors import AccessDenied, InputError, NotFoundError, StoreError
from mlray.security import Denied, Identity, KeyRing
from mlray.security.access import _parse


class Ticks:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def ring(folder: Path) -> KeyRing:
    return KeyRing(folder)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_key_has_256_random_bits_and_names_its_tenant(ring):
    keys = {ring.issue("acme", ["predict"]) for _ in range(50)}
    assert len(keys) == 50
    assert all(re.fullmatch(r"mlray_acme_[A-Za-z0-9_-]{43}", key) for key in keys)


def test_only_a_hash_is_kept_where_only_the_owner_reads(ring, folder):
    secret = ring.issue("acme", ["feedback", "predict"])
    text = (folder / "keys.json").read_text()
    assert secret not in text
    assert secret.rpartition("_")[2] not in text
    kept = json.loads(text)["keys"]
    assert kept == [
        {"tenant": "acme", "scopes": ["predict", "feedback"], "sha256": hashlib.sha256(secret.encode()).hexdigest()}
    ]
    assert (mode(folder), mode(folder / "keys.json")) == (0o700, 0o600)
    assert [path.name for path in folder.iterdir()] == ["keys.json"]


@pytest.mark.parametrize("header", ["Bearer {}", "bearer {}", "  BEARER   {}  "])
def test_a_key_opens_what_its_scopes_allow(ring, header):
    ring.issue("other", ["admin"])
    secret = ring.issue("acme", ["predict", "feedback"])
    identity = ring.check(header.format(secret), "feedback")
    assert (identity.tenant, identity.scopes) == ("acme", ("predict", "feedback"))
    assert identity.key == hashlib.sha256(secret.encode()).hexdigest()[:12]
    assert Identity.from_json(identity.to_json()) == identity


OTHER = "mlray_acme_" + "A" * 43


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "missing_key"),
        ("", "missing_key"),
        ("Basic YTpi", "malformed_key"),
        ("Bearer", "malformed_key"),
        ("Bearer ", "malformed_key"),
        ("Bearer something", "malformed_key"),
        (f"Bearer {OTHER}A", "malformed_key"),
        (f"Bearer {OTHER} {OTHER}", "malformed_key"),
        (f"Bearer {OTHER}\n", "unknown_key"),
        ("Bearer mlray_acme_" + "é" * 43, "malformed_key"),
        ("Bearer mlray_acme_" + "\udcff" * 43, "malformed_key"),
        (OTHER, "malformed_key"),
        (f"Bearer {OTHER}", "unknown_key"),
    ],
)
def test_whoever_shows_no_valid_key_is_a_stranger(ring, header, code):
    ring.issue("acme", ["predict"])
    with pytest.raises(Denied) as caught:
        ring.check(header, "predict")
    assert (caught.value.status, caught.value.code) == (401, code)
    assert "Authorization: Bearer" in caught.value.remedy
    assert "AAAA" not in str(caught.value)


def test_a_key_without_the_scope_is_known_but_not_allowed(ring):
    secret = ring.issue("acme", ["predict"])
    with pytest.raises(AccessDenied, match=r"This key of 'acme' allows predict, not admin\.") as caught:
        ring.check(f"Bearer {secret}", "admin")
    assert (caught.value.status, caught.value.code, caught.value.exit_code) == (403, "scope_not_allowed", 4)
    assert "scope 'admin'" in caught.value.remedy


def test_a_revoked_key_is_unknown_at_once_everywhere(ring, folder):
    first, second = ring.issue("acme", ["predict"]), ring.issue("acme", ["predict"])
    endpoint = KeyRing(folder)
    public = endpoint.check(f"Bearer {first}", "predict").key
    assert ring.revoke(public).tenant == "acme"
    for where in (ring, endpoint):
        with pytest.raises(Denied, match="not known here, or was revoked"):
            where.check(f"Bearer {first}", "predict")
        assert where.check(f"Bearer {second}", "predict").tenant == "acme"
    with pytest.raises(NotFoundError, match=f"no key '{public}'") as caught:
        ring.revoke(public)
    assert "(acme)" in caught.value.remedy


def test_revoking_from_an_empty_ring_says_that_it_is_empty(ring, folder):
    with pytest.raises(NotFoundError) as caught:
        ring.revoke("x")
    assert caught.value.remedy == "Known: none."
    assert not (folder / "keys.json").exists()


def test_a_key_that_another_process_issues_is_known_at_once(ring, folder):
    code = (
        "import sys; from pathlib import Path; from mlray.security import KeyRing;"
        "print(KeyRing(Path(sys.argv[1])).issue('acme', ['predict']))"
    )
    secret = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=True).stdout
    assert ring.check(f"Bearer {secret.strip()}", "predict").tenant == "acme"
    assert [identity.tenant for identity in ring.identities()] == ["acme"]


def test_rings_that_issue_at_once_lose_no_key(folder):
    rings = [KeyRing(folder) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        secrets = list(pool.map(lambda n: rings[n % 4].issue(f"t{n}", ["predict"]), range(24)))
    assert sorted(rings[0].check(f"Bearer {s}", "predict").tenant for s in secrets) == sorted(
        f"t{n}" for n in range(24)
    )


@pytest.mark.parametrize("tenant", ["", "Acme", "a b", "1a", "ä", "a" * 64, "a/b", "a\n"])
def test_a_tenant_s_name_is_plain(ring, tenant):
    with pytest.raises(InputError) as caught:
        ring.issue(tenant, ["predict"])
    assert caught.value.remedy
    assert ring.identities() == ()


@pytest.mark.parametrize("scopes", [[], ["predict", "root"], "predict"], ids=["none", "unknown", "a text"])
def test_scopes_are_chosen_from_the_list(ring, scopes):
    with pytest.raises(InputError, match="not a list of scopes") as caught:
        ring.issue("acme", scopes)
    assert caught.value.remedy == "Choose from: predict, feedback, admin."


def test_a_key_that_asks_too_often_waits(folder):
    ticks = Ticks()
    ring = KeyRing(folder, requests_per_second=2, ticks=ticks)
    hasty, calm = (f"Bearer {ring.issue(name, ['predict'])}" for name in ("hasty", "calm"))
    for _ in range(2):
        ring.check(hasty, "predict")
    with pytest.raises(Denied, match="'hasty' asks more than 2 times a second") as caught:
        ring.check(hasty, "predict")
    assert (caught.value.status, caught.value.code) == (429, "too_many_requests")
    assert caught.value.retry_after == pytest.approx(0.5)
    assert "0.50 s" in caught.value.remedy
    ring.check(calm, "predict")
    ticks.seconds += 0.5
    ring.check(hasty, "predict")


def test_what_is_not_allowed_uses_up_no_request(folder):
    ring = KeyRing(folder, requests_per_second=1, ticks=Ticks())
    secret = f"Bearer {ring.issue('acme', ['predict'])}"
    for _ in range(3):
        with pytest.raises(Denied, match="not admin"):
            ring.check(secret, "admin")
    ring.check(secret, "predict")


def test_a_folder_that_others_may_open_is_refused(folder):
    folder.mkdir(mode=0o755)
    with pytest.raises(AccessDenied, match="has mode 755: others on this machine may open it") as caught:
        KeyRing(folder)
    assert f"chmod 700 '{folder}'" in caught.value.remedy


def test_a_file_that_was_opened_to_others_is_refused_even_while_it_is_in_use(ring, folder):
    secret = ring.issue("acme", ["predict"])
    (folder / "keys.json").chmod(0o640)
    with pytest.raises(AccessDenied, match="has mode 640") as caught:
        ring.check(f"Bearer {secret}", "predict")
    assert "chmod 600" in caught.value.remedy
    with pytest.raises(AccessDenied):
        KeyRing(folder)


def test_links_are_refused(tmp_path, ring, folder):
    ring.issue("acme", ["predict"])
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(AccessDenied, match="is a link"):
        KeyRing(tmp_path / "link")
    (folder / "keys.json").rename(folder / "moved.json")
    (folder / "keys.json").symlink_to(folder / "moved.json")
    with pytest.raises(StoreError, match="cannot be read"):
        KeyRing(folder)


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "null", '{"keys": [{}]}', '{"keys": 5}', '{"keys": [{"tenant": "a", "scopes": 1, "sha256": "x"}]}'],
)
def test_a_damaged_file_lets_nobody_in(ring, folder, text):
    secret = ring.issue("acme", ["predict"])
    (folder / "keys.json").write_text(text)
    for attempt in (lambda: ring.check(f"Bearer {secret}", "predict"), lambda: KeyRing(folder)):
        with pytest.raises(StoreError, match="not a file of keys") as caught:
            attempt()
        assert caught.value.remedy


def test_a_ring_whose_file_is_removed_knows_nobody(ring, folder):
    secret = ring.issue("acme", ["predict"])
    (folder / "keys.json").unlink()
    with pytest.raises(Denied, match="not known"):
        ring.check(f"Bearer {secret}", "predict")


def test_a_file_that_goes_between_the_look_and_the_reading_holds_no_keys(tmp_path):
    assert _parse(tmp_path / "keys.json") == ()


def test_a_refusal_crosses_a_process_border_whole():
    denied = Denied("no", remedy="ask", status=429, code="too_many_requests", retry_after=0.5)
    again = pickle.loads(pickle.dumps(denied))
    assert (str(again), again.status, again.code, again.retry_after) == ("no ask", 429, "too_many_requests", 0.5)
