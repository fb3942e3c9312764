"""A command line that is called as a person calls it, without a process of its own."""

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


@pytest.fixture
def shop(mlray: Callable[..., Result], tmp_path: Path) -> Path:
    """The example project that `mlray init` writes."""
    folder = tmp_path / "shop"
    assert mlray("init", folder).exit_code == 0
    return folder
