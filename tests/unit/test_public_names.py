"""What one sees of mlray is what is listed, and seeing it costs nothing."""

import subprocess
import sys

import pytest

import mlray

HEAVY = "ray mlflow pandas sklearn xgboost sqlalchemy fastapi numpy pyarrow pydantic optuna scipy matplotlib rich typer"


def in_a_fresh_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_what_is_visible_is_what_is_listed():
    seen = in_a_fresh_python("import mlray; print(*(name for name in dir(mlray) if not name.startswith('_')))")

    assert seen.split() == sorted(mlray.__all__)


def test_there_are_no_more_names_than_a_person_can_learn():
    assert len(mlray.__all__) == len(set(mlray.__all__)) <= 21


@pytest.mark.parametrize("name", mlray.__all__)
def test_every_name_is_there_and_documented(name):
    found = getattr(mlray, name)

    assert found.__doc__
    assert getattr(mlray, name) is found


def test_the_version_is_that_of_the_installed_package():
    from importlib.metadata import version

    assert mlray.__version__ == version("mlray")


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'opne'"):
        mlray.opne  # noqa: B018


def test_importing_mlray_loads_nothing_heavy():
    loaded = in_a_fresh_python("import sys, mlray; print(*{name.partition('.')[0] for name in sys.modules})").split()

    assert not set(loaded) & set(HEAVY.split())
