"""What the guide to sweeps says can be done is done."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from mlray.spec import json_schema
from mlray.spec._yaml import read_yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "sweeps"
GUIDE = (FOLDER / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
ON_RAY = "# needs Ray\n"


def test_every_link_leads_somewhere():
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", GUIDE)
    assert links
    assert [link for link in links if "://" not in link and not (FOLDER / link).exists()] == []


def test_every_command_exists():
    from typer.main import get_command

    from mlray.cli._app import app

    verbs = get_command(app).commands
    lines = re.findall(r"`mlray ([a-z][^`]*)`", GUIDE)
    assert len(lines) > 6
    for line in lines:
        words = shlex.split(line)
        command = verbs[words[0]]
        command = command.commands[words[1]] if hasattr(command, "commands") else command
        options = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, line


def test_every_key_that_is_named_is_one():
    parts = json_schema()["$defs"]
    table = GUIDE.partition("## Keys of the section")[2].partition("## Limits")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    named = {key for row in rows for key in re.findall(r"`([a-z_]+)`", row)}

    assert named <= set(parts["Model"]["properties"])
    assert {"time", "budget", "plateau", "folds", "device", "keep_lanes"} <= named


def test_the_yaml_is_valid():
    from mlray.spec import Sharing, model_of
    from mlray.spec._contracts import frozen

    blocks = [read_yaml(block).value for block in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)]
    (model,) = [block["model"] for block in blocks if "model" in block]
    (sharing,) = [block["sharing"] for block in blocks if "sharing" in block]

    assert set(model_of(model).trainers) == {"xgboost"}
    assert Sharing.model_validate(frozen(sharing), strict=True).guarantee.cpu == 4


@pytest.mark.slow
def test_the_python_runs_from_the_first_block_to_the_last(tmp_path):
    blocks = [block for block in BLOCKS if ON_RAY not in block]
    assert len(blocks) == 5
    program = tmp_path / "guide.py"
    program.write_text("\n".join([*blocks, "print(len(again.trials), 'trials')"]), encoding="utf-8")

    # A program of its own, as a reader's is: a Ray that a sweep starts ends with it.
    ran = subprocess.run(
        [sys.executable, str(program)], cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False
    )

    assert ran.returncode == 0, ran.stderr
    for said in ("did you mean 'max_depth'?", "not a metric", "'soon' is not a duration", "14 trials"):
        assert said in ran.stdout


@pytest.mark.ray
def test_the_function_runs_on_ray(ray_session, tmp_path, monkeypatch):
    import mlray

    monkeypatch.chdir(tmp_path)
    (block,) = [block for block in BLOCKS if ON_RAY in block]
    names = {"mlray": mlray}
    exec(compile(block, "docs/sweeps/README.md", "exec"), names)

    assert len(names["found"].trials) == 6
