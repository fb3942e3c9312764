import subprocess
import sys

import pytest

from mlray.coordinator.locks import hold, let_go
from mlray.errors import UnavailableError

HOLD = "import sys, pathlib; from mlray.coordinator.locks import hold; hold(pathlib.Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"


@pytest.fixture
def holder(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path / "a.lock")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def test_what_another_process_holds_cannot_be_had(tmp_path, holder):
    with pytest.raises(UnavailableError, match="another process") as caught:
        hold(tmp_path / "a.lock", remedy="Stop it.")
    assert caught.value.remedy == "Stop it."


def test_a_killed_process_holds_nothing(tmp_path, holder):
    holder.kill()
    holder.wait()
    let_go(hold(tmp_path / "a.lock"))


def test_whoever_waits_gets_it_when_the_holder_ends(tmp_path, holder):
    holder.kill()
    let_go(hold(tmp_path / "a.lock", patience=30))


def test_what_was_let_go_can_be_held_again(tmp_path):
    let_go(hold(tmp_path / "a.lock"))
    let_go(hold(tmp_path / "a.lock"))
