"""`mlray submit`: what is wrong is told before anything is sent."""

import pytest

from mlray.cli.cluster import token
from mlray.errors import InputError


@pytest.fixture(autouse=True)
def no_token(monkeypatch):
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)


def test_a_cluster_that_does_not_answer_ends_with_3(mlray, shop):
    result = mlray("submit", shop, "--address", "http://127.0.0.1:1")

    assert result.exit_code == 3
    assert "Nothing answers at http://127.0.0.1:1" in result.stderr


@pytest.mark.parametrize("address", ["10.0.0.5:6379", "ray://10.0.0.5:10001"])
def test_an_address_that_is_not_a_dashboard_s_ends_with_2_and_the_right_one(mlray, shop, address):
    result = mlray("submit", shop, "--address", address)

    assert result.exit_code == 2
    assert "http://10.0.0.5:8265" in result.stderr


def test_a_folder_that_does_not_hold_the_project_is_refused(mlray, shop, tmp_path):
    (tmp_path / "elsewhere").mkdir()

    result = mlray("submit", shop, "--address", "http://127.0.0.1:1", "--working-dir", tmp_path / "elsewhere")

    assert result.exit_code == 2
    assert "does not lie in" in result.stderr


def test_a_project_with_faults_is_not_sent(mlray, shop):
    (shop / "mlray.yaml").write_text("project: Shop", encoding="utf-8")

    assert mlray("submit", shop, "--address", "http://127.0.0.1:1").exit_code == 2


def test_a_token_comes_from_the_environment_or_from_a_file(monkeypatch, tmp_path):
    assert token() is None

    file = tmp_path / "token"
    file.write_text("from-a-file\n", encoding="utf-8")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(file))
    assert token() == "from-a-file"

    monkeypatch.setenv("RAY_AUTH_TOKEN", "given")
    assert token() == "given"


def test_a_token_s_file_that_is_not_there_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "gone"))

    with pytest.raises(InputError, match="RAY_AUTH_TOKEN_PATH"):
        token()
