"""Ray's token: made once, for its owner only."""

import re

import pytest

from mlray.errors import AccessDenied
from mlray.security import ray_token


def test_a_token_is_made_once_with_mode_600(tmp_path):
    file = ray_token(tmp_path / "keys")
    text = file.read_text()
    assert re.fullmatch(r"[0-9a-f]{64}", text)
    assert file.stat().st_mode & 0o777 == 0o600
    assert ray_token(tmp_path / "keys").read_text() == text
    assert ray_token(tmp_path / "others").read_text() != text


def test_a_token_by_hand_may_end_in_a_newline(tmp_path):
    ray_token(tmp_path).write_text("a" * 64 + "\n")
    assert ray_token(tmp_path).read_text() == "a" * 64 + "\n"


@pytest.mark.parametrize("text", ["", "secret", "A" * 64, "a" * 65])
def test_what_is_no_token_is_refused(tmp_path, text):
    file = ray_token(tmp_path)
    file.write_text(text)
    with pytest.raises(AccessDenied, match="64 hexadecimal digits") as caught:
        ray_token(tmp_path)
    assert "Remove it" in caught.value.remedy
    assert text not in str(caught.value) or not text


def test_a_token_that_others_can_read_is_refused(tmp_path):
    ray_token(tmp_path).chmod(0o644)
    with pytest.raises(AccessDenied, match="has mode 644"):
        ray_token(tmp_path)
