"""What the documents say can be done is done."""

import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_link_of_the_readme_leads_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


def test_every_command_of_the_readme_exists():
    from typer.main import get_command

    from mlray.cli._app import app

    known = get_command(app).commands  # type: ignore[attr-defined]
    blocks = "\n".join(re.findall(r"```\n(.*?)```", README, re.DOTALL))
    lines = re.findall(r"(?:^|; )mlray (.+?)(?=;|\s+#|$)", blocks, re.MULTILINE)
    assert len(lines) > 8
    for line in lines:
        verb, *rest = shlex.split(line)
        assert verb in known, line
        command = known[verb]
        command = command.commands[rest[0]] if hasattr(command, "commands") else command
        options = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= options, line


def test_make_has_the_targets_that_are_named():
    targets = set(re.findall(r"^([a-z%-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"make ([a-z-]+)", README))
    assert {name if not name.startswith("bench-") else "bench-%" for name in named} <= targets


def test_the_readmes_python_runs(tmp_path, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    import shutil

    shutil.copytree(ROOT / "jobs" / "flights", tmp_path / "jobs" / "flights", ignore=shutil.ignore_patterns(".mlray"))
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})


def test_the_project_of_the_main_job_is_as_short_as_promised():
    folder = ROOT / "jobs" / "flights"
    assert len((folder / "mlray.yaml").read_text(encoding="utf-8").splitlines()) <= 60
    assert len((folder / "features.py").read_text(encoding="utf-8").splitlines()) <= 25
    assert sum(path.stat().st_size for path in (folder / "data").glob("*.parquet")) < 6_000_000


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "decisions").glob("*.md")), ids=lambda path: path.name)
def test_decisions_are_numbered_in_order(path):
    number = int(path.name.partition("-")[0])
    assert path.read_text(encoding="utf-8").startswith(f"# {number}. ")
