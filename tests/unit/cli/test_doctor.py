"""`mlray doctor`: what is wrong, with what helps; one odd thing never ends the visit."""

import json
import os
import socket
import tempfile
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from mlray.cli import _machine, _place
from mlray.cli._ailment import Ailment, State, examine, fine, ill, poor
from mlray.errors import StoreError
from mlray.spec import read_spec


def edited(shop: Path, *changes: tuple[str, str]) -> Path:
    file = shop / "mlray.yaml"
    text = file.read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    return shop


def test_a_visit_lists_every_check_and_ends_with_3_only_when_one_failed(mlray, shop):
    edited(shop, ("costs:", "serving: {port: 0}\ncosts:"))

    result = mlray("doctor", shop, "--json")

    found = json.loads(result.stdout)
    assert {"python", "packages", "cores", "memory", "open files", "temporary folder", "project", "disk", "keys",
            "journal", "port", "ray"} <= {one["check"] for one in found}  # fmt: skip
    assert all(one["remedy"] for one in found if one["state"] == "fail")
    assert result.exit_code == (3 if any(one["state"] == "fail" for one in found) else 0)


def test_people_get_a_table_and_the_names_of_what_failed(mlray, shop):
    edited(shop, ("costs:", "workspace: {ray: '127.0.0.1:1'}\ncosts:"))

    result = mlray("doctor", shop)

    assert result.exit_code == 3
    assert "nothing answers at 127.0.0.1:1" in result.stdout
    assert "ray" in result.stderr
    assert json.loads(mlray("doctor", shop, "--json").stdout)


def test_without_a_project_the_machine_is_looked_at(mlray, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    found = json.loads(mlray("doctor", "--json").stdout)

    assert "project" not in {one["check"] for one in found}


def test_a_project_that_cannot_be_read_is_a_finding(mlray, shop):
    edited(shop, ("  trials: 8", "  trials: 0"), ("  metric: auc", "  metric: auk"))

    result = mlray("doctor", shop, "--json")

    (project,) = [one for one in json.loads(result.stdout) if one["check"] == "project"]
    assert result.exit_code == 3
    assert project["state"] == "fail"
    assert "(and 1 more)" in project["finding"]
    assert project["remedy"] == f"mlray check {shop}"


def raising(error: Exception):
    def look() -> Ailment:
        raise error

    return look


def test_a_check_that_fails_or_has_nothing_to_say_does_not_end_the_visit():
    assert examine("a", lambda: None) == []
    assert examine("a", lambda: fine("a", "b")) == [fine("a", "b")]
    assert examine("a", lambda: iter([poor("a", "b", "c")])) == [poor("a", "b", "c")]
    assert examine("a", raising(StoreError("gone", remedy="look"))) == [ill("a", "gone", "look")]
    (odd,) = examine("a", raising(OSError("no such file")))
    assert odd.state is State.WARN
    assert "OSError: no such file" in odd.finding


def test_a_package_that_is_missing_or_old_is_told_with_how_to_get_it(monkeypatch):
    def version(name: str) -> str:
        if name == "ray":
            raise PackageNotFoundError
        return "0.1" if name == "xgboost-cpu" else "3.0"

    monkeypatch.setattr(
        "importlib.metadata.requires", lambda name: ["ray==2.60.*", "xgboost-cpu>=3.2", "rich", "x; extra=='dev'"]
    )
    monkeypatch.setattr("importlib.metadata.version", version)

    missing, old = _machine.packages()

    assert (missing.state, missing.finding, missing.remedy) == (
        State.FAIL,
        "ray is not installed",
        'pip install "ray==2.60.*"',
    )
    assert old.finding == "xgboost-cpu is 0.1, mlray needs >=3.2"


def test_packages_that_fit_are_one_line():
    (all_fit,) = _machine.packages()

    assert all_fit.state is State.OK


@pytest.mark.parametrize(
    ("available", "state"), [(1 * 2**30, State.FAIL), (3 * 2**30, State.WARN), (9 * 2**30, State.OK)]
)
def test_little_memory_is_told(monkeypatch, available, state):
    import psutil

    monkeypatch.setattr(psutil, "virtual_memory", type("M", (), {"available": available}))
    monkeypatch.setattr(_machine, "_cgroup", lambda name: "")

    assert _machine.memory().state is state


def test_a_container_s_limits_count_for_memory_and_cores(monkeypatch):
    limits = {"memory.max": str(2**30), "memory.current": "0", "cpu.max": "100000 100000"}
    monkeypatch.setattr(_machine, "_cgroup", lambda name: limits.get(name, ""))

    assert _machine.memory().finding == "1.0 GiB free"
    assert _machine.cores().state is State.WARN


def test_without_a_container_all_cores_count(monkeypatch):
    monkeypatch.setattr(_machine, "_cgroup", lambda name: "max 100000" if name == "cpu.max" else "")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2}, raising=False)

    assert _machine.cores() == fine("cores", "3")


@pytest.mark.parametrize(("soft", "state"), [(256, State.FAIL), (1024, State.WARN), (65536, State.OK)])
def test_a_low_limit_on_open_files_is_told(monkeypatch, soft, state):
    import resource

    monkeypatch.setattr(resource, "getrlimit", lambda what: (soft, 4096))

    found = _machine.open_files()
    assert found.state is state
    assert state is State.OK or found.remedy == "ulimit -n 4096"


def test_a_temporary_folder_that_is_too_long_for_sockets_is_told(monkeypatch, tmp_path):
    long = tmp_path / ("x" * 60)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))

    found = _machine.temporary_folder()
    assert found.state is State.FAIL
    assert "bytes too long for Ray's sockets" in found.finding


def test_a_temporary_folder_that_cannot_be_written_is_told(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")
    monkeypatch.setattr(os, "access", lambda path, mode: False)

    assert "cannot be written" in _machine.temporary_folder().finding


@pytest.mark.parametrize("look", [_machine.temporary_folder, _machine.shared_memory])
def test_a_full_disk_is_told(monkeypatch, look):
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("D", (), {"free": 2**20})())

    found = look()
    assert found is None or found.state is State.WARN


def test_a_machine_without_shared_memory_has_nothing_to_tell(monkeypatch):
    monkeypatch.setattr(Path, "is_dir", lambda self: False)

    assert _machine.shared_memory() is None


def test_the_folder_of_a_run_that_is_gone_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(_machine, "_mlray_runs", lambda: False)
    assert _machine.stale_ray() == fine("earlier Ray", "none")

    (tmp_path / "mlray-abcd1234").mkdir()
    (tmp_path / "mlray-other").mkdir()

    found = _machine.stale_ray()
    assert found.state is State.WARN
    assert found.remedy == f"rm -r {tmp_path}/mlray-abcd1234"


def test_processes_of_a_run_that_is_gone_are_told_by_their_numbers(monkeypatch, tmp_path):
    import psutil

    folder = tmp_path / "mlray-abcd1234"
    folder.mkdir()

    class Raylet:
        info = {"pid": 4711, "name": "raylet", "cmdline": ["raylet", f"--session={folder}/session"]}  # noqa: RUF012

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(psutil, "process_iter", lambda fields: [Raylet()])

    found = _machine.stale_ray()
    assert (found.state, found.remedy) == (State.WARN, "kill 4711")

    Raylet.info = {**Raylet.info, "cmdline": ["python", "/usr/bin/mlray", "run"], "name": "python"}
    assert _machine.stale_ray().state is State.OK


def test_what_is_optional_is_never_a_fault(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr(_machine, "_debian", lambda name: None)

    assert {one.state for one in _machine.extras()} == {State.OK}
    assert "not here; only the Java client needs it" in {one.finding for one in _machine.extras()}


@pytest.mark.parametrize(("free", "state"), [(2**20, State.FAIL), (2 * 2**30, State.WARN), (2**40, State.OK)])
def test_a_workspace_without_room_is_told(shop, monkeypatch, free, state):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("D", (), {"free": free})())

    assert _place.disk(read_spec(shop)).state is state


def test_keys_that_others_may_read_are_told_with_the_command_that_closes_them(shop):
    spec = read_spec(shop)
    assert _place.keys(spec).finding == "none yet"

    keys = spec.root / "keys"
    keys.mkdir(parents=True, mode=0o700)
    (keys / "a.key").write_text("x", encoding="utf-8")
    (keys / "a.key").chmod(0o600)
    assert _place.keys(spec).state is State.OK

    (keys / "a.key").chmod(0o644)
    found = _place.keys(spec)
    assert found.state is State.FAIL
    assert found.remedy == f"chmod -R go= {keys}"


def test_a_journal_is_checked_from_end_to_end(shop, mlray):
    spec = read_spec(shop)
    assert _place.journal(spec).finding == "none yet"
    assert mlray("ingest", shop).exit_code == 0

    assert _place.journal(spec).finding == "1 entries, the chain is whole"

    import sqlite3

    with closing(sqlite3.connect(spec.root / "journal.db")) as database:
        (name,) = next(
            row
            for row in database.execute("select name from sqlite_master where type='table'")
            if "sqlite" not in row[0]
        )
        for (trigger,) in database.execute("select name from sqlite_master where type='trigger'").fetchall():
            database.execute(f'drop trigger "{trigger}"')
        database.execute(f"update \"{name}\" set subject = 'forged'")
        database.commit()

    (found,) = examine("journal", lambda: _place.journal(spec))
    assert found.state is State.FAIL


def test_a_port_that_somebody_else_holds_is_told(shop, monkeypatch):
    monkeypatch.setattr(_place, "SECONDS", 0.1)
    with closing(socket.create_server(("127.0.0.1", 0))) as held:
        edited(shop, ("costs:", f"serving: {{port: {held.getsockname()[1]}}}\ncosts:"))

        found = _place.port(read_spec(shop))

    assert found.state is State.FAIL
    assert "serving.port (0 takes a free one)" in found.remedy


def test_a_port_that_our_own_endpoint_holds_is_fine(shop):
    class Ours(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"name": "mlray", "version": "2"}')

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    with HTTPServer(("127.0.0.1", 0), Ours) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        edited(shop, ("costs:", f"serving: {{port: {server.server_port}}}\ncosts:"))
        found = _place.port(read_spec(shop))
        server.shutdown()
        thread.join()

    assert found.state is State.OK
    assert "our endpoint answers" in found.finding


def test_a_free_port_is_fine(shop):
    with closing(socket.create_server(("127.0.0.1", 0))) as held:
        number = held.getsockname()[1]
    edited(shop, ("costs:", f"serving: {{port: {number}}}\ncosts:"))

    assert _place.port(read_spec(shop)).state is State.OK


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:x", "ray://127.0.0.1:1", "[::1]:1"])
def test_a_ray_that_does_not_answer_is_told(shop, address):
    edited(shop, ("costs:", f"workspace: {{ray: '{address}'}}\ncosts:"))

    found = _place.ray(read_spec(shop))
    assert found.state is State.FAIL
    assert "workspace.ray: local" in found.remedy


def test_a_ray_that_answers_is_fine_and_a_local_one_is_our_own(shop):
    assert _place.ray(read_spec(shop)).finding == "mlray starts its own"

    with closing(socket.create_server(("127.0.0.1", 0))) as head:
        edited(shop, ("costs:", f"workspace: {{ray: '127.0.0.1:{head.getsockname()[1]}'}}\ncosts:"))
        assert _place.ray(read_spec(shop)).state is State.OK


def test_auto_without_a_ray_on_this_machine_is_told(shop, monkeypatch):
    edited(shop, ("costs:", "workspace: {ray: auto}\ncosts:"))
    monkeypatch.setattr(Path, "is_file", lambda self: self.name != "ray_current_cluster")

    assert "no Ray runs on this machine" in _place.ray(read_spec(shop)).finding
