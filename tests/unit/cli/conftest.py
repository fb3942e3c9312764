"""A command line that is called as a person calls it, without a process of its own."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mlray.cli._app import app


@pytest.fixture
def mlray() -> Callable[..., Result]:
    """Run `mlray` with arguments, and return its exit code, output and error output."""

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="mlray")

    return run


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example project that `mlray init` writes, made once."""
    folder = tmp_path_factory.mktemp("template") / "shop"
    assert CliRunner().invoke(app, ["init", str(folder)]).exit_code == 0
    return folder


@pytest.fixture
def shop(template: Path, tmp_path: Path) -> Path:
    """A fresh copy of the example project."""
    return Path(shutil.copytree(template, tmp_path / "shop"))
