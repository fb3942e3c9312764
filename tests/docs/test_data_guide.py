"""What the guide to the data layer says can be done is done."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mlray.cli._app import app
from tests.projects import small_project

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "data"
GUIDE = (FOLDER / "README.md").read_text(encoding="utf-8")


def test_every_link_leads_somewhere():
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", GUIDE)
    assert len(links) > 3
    assert [link for link in links if "://" not in link and not (FOLDER / link).exists()] == []


def test_every_command_exists():
    from typer.main import get_command

    from mlray.cli._app import app

    verbs = get_command(app).commands
    lines = re.findall(r"`mlray ([a-z][^`]*)`", GUIDE)
    assert len(lines) > 8
    for line in lines:
        words = shlex.split(line)
        command = verbs[words[0]]
        command = command.commands[words[1]] if hasattr(command, "commands") else command
        options = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, line


def test_the_python_runs_from_the_first_block_to_the_last(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    blocks = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        exec(compile(block, "docs/data/README.md", "exec"), names)
    assert names["result"].groups.to_pydict()["rows"] == [1, 1]


@pytest.mark.parametrize("shared", re.findall(r"workspace: {(?:store|root): [^}]*}", GUIDE))
def test_two_projects_share_contracts_as_it_is_shown(tmp_path, monkeypatch, shared):
    for name in ("shop", "returns"):
        file = small_project(tmp_path / name, name=name) / "mlray.yaml"
        text = file.read_text(encoding="utf-8")
        changed = text if name == "shop" else text.replace("max: 1000", "max: 500")
        file.write_text(f"{changed}{shared}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```\n(mlray contract push.*?)```", GUIDE, re.DOTALL)

    told = [CliRunner().invoke(app, shlex.split(line)[1:]) for line in block.splitlines()]

    assert [one.exit_code for one in told] == [0, 0, 0, 0], [one.output for one in told]
    pushed, listed, compared, pulled = (one.stdout for one in told)
    assert "orders@v1" in pushed
    assert "orders@v1" in listed
    assert "agreed" in listed
    assert "price" in compared
    assert "500" in compared
    assert "is written" in pulled
    assert "1000" in (tmp_path / "returns" / "orders.odcs.yaml").read_text(encoding="utf-8")
