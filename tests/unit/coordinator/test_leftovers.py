import json
import os
import subprocess
import sys

import psutil
import pytest

from mlray.coordinator.cluster._birth import birth
from mlray.coordinator.cluster._leftovers import clear_leftovers, mark


@pytest.fixture
def dead_pid():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def folder_of(tmp_path, name, owner):
    folder = tmp_path / name
    folder.mkdir()
    (folder / "owner.json").write_text(json.dumps(owner))
    return folder


def test_a_folder_whose_owner_is_gone_is_removed(tmp_path, dead_pid):
    folder = folder_of(tmp_path, "mlray-old", {"pid": dead_pid, "started": 1.0})
    assert clear_leftovers(tmp_path) == 1
    assert not folder.exists()


def test_a_process_that_still_holds_it_is_ended(tmp_path, dead_pid):
    folder = folder_of(tmp_path, "mlray-old", {"pid": dead_pid, "started": 1.0})
    code = f"f = open({str(folder / 'log')!r}, 'w'); print('open', flush=True); import time; time.sleep(600)"
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"open\n"
    clear_leftovers(tmp_path)
    assert holder.wait(timeout=30) == -9
    holder.stdout.close()


def test_what_belongs_to_a_running_process_stays(tmp_path):
    folder = tmp_path / "mlray-mine"
    folder.mkdir()
    mark(folder)
    assert clear_leftovers(tmp_path) == 0
    assert folder.exists()


def test_a_number_that_another_process_got_later_does_not_save_the_folder(tmp_path):
    folder_of(tmp_path, "mlray-old", {"pid": os.getpid(), "started": birth(os.getpid()) - 100})
    assert clear_leftovers(tmp_path) == 1


@pytest.mark.parametrize("content", ["", "{}", "[]", "nonsense"])
def test_a_folder_that_does_not_say_whose_it_is_stays(tmp_path, content):
    folder = tmp_path / "mlray-odd"
    folder.mkdir()
    (folder / "owner.json").write_text(content)
    assert clear_leftovers(tmp_path) == 0
    assert folder.exists()


def test_a_clock_that_is_set_makes_no_orphan(tmp_path, monkeypatch):
    folder = tmp_path / "mlray-mine"
    folder.mkdir()
    mark(folder)
    # What a clock that was set an hour ahead changes: the date of the boot.
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: psutil.boot_time() + 3600)
    assert clear_leftovers(tmp_path) == 0


def test_a_process_that_never_was_has_no_birth(dead_pid):
    with pytest.raises(psutil.NoSuchProcess):
        birth(dead_pid)
