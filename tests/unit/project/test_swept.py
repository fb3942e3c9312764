"""What a project pays for its sweeps. They run in threads here: what they cost is the same without a Ray."""

import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import mlray
from mlray.clock import ManualClock
from mlray.costs import spends
from mlray.errors import InputError, OverBudget
from mlray.experiments import read, sweep_here
from tests.projects import small_project

NOW = datetime(2024, 1, 21, tzinfo=UTC)
ROOT = Path(__file__).parents[3]


class Threads:
    """Runs sweeps in this process; with a `fault` they break off with it when two trials have ended."""

    fault: BaseException | None = None

    def __call__(self, problem, model, wanted, **_):
        if self.fault is None:
            return sweep_here(problem, model, wanted, width=1)
        sweep_here(problem, model, replace(wanted, trials=2), width=1)
        raise self.fault


@pytest.fixture
def engine(monkeypatch):
    engine = Threads()
    monkeypatch.setattr("mlray.experiments.on_ray.sweep_on_ray", engine)
    monkeypatch.setattr(mlray.Project, "connect", lambda _: None)
    return engine


@pytest.fixture
def project(tmp_path, engine):
    with mlray.open(small_project(tmp_path / "orders", trials=3), clock=ManualClock(NOW)) as opened:
        opened.ingest()
        yield opened


def paid(project):
    """Return lane seconds and USD of each sweep that was paid."""
    return [(spend.seconds, float(spend.amount)) for spend in spends(project.space.journal.entries(), scope="orders")]


def journal_of(project):
    (path,) = project.sweeps_folder.glob("*.jsonl")
    return path


def worth(project):
    """Return what the journal of the only sweep says: lane seconds and USD."""
    history = read(journal_of(project))
    return history.spent_seconds, history.spent_seconds * float(history.plan.price_per_lane_second)


def near(amounts):
    return pytest.approx(amounts, abs=2e-8)  # the journal rounds to milliseconds, the books to a billionth of a dollar


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), OverBudget("It is gone.", remedy="Give more.")])
def test_a_sweep_that_was_broken_off_is_paid_for_as_far_as_it_came(project, engine, fault):
    engine.fault = fault
    with pytest.raises(type(fault)):
        project.sweep()
    (spend,) = paid(project)
    assert spend == near(worth(project))
    assert spend[1] > 1e-8
    engine.fault = None
    found = project.sweep(resume=journal_of(project).stem, trials=3)
    assert len(found.trials) == 3
    first, second = paid(project)
    assert (first[0] + second[0], first[1] + second[1]) == near(worth(project))
    assert float(found.spend) == near(worth(project)[1])


def test_taken_up_again_with_nothing_left_to_do_it_costs_nothing(project):
    found = project.sweep()
    project.sweep(resume=found.id)
    assert paid(project) == [near((worth(project)[0], float(found.spend))), (0, 0)]


def test_a_sweep_that_was_refused_costs_nothing_and_gives_its_money_back(project):
    found = project.sweep()
    before = paid(project)
    file = Path(project.folder) / "mlray.yaml"
    file.write_text(file.read_text().replace("rounds: 12", "rounds: 13"))
    with mlray.open(project.folder, clock=ManualClock(NOW)) as other:
        with pytest.raises(InputError, match="rounds: 12, now 13"):
            other.sweep(resume=found.id)
        assert paid(other) == before
        assert len(other.journal(kind="release")) == 1


KILLED = """
import os, signal, sys
import mlray
from mlray.clock import ManualClock
from tests.unit.project.test_swept import NOW, Threads

class Killed(Exception):
    def __init__(self):
        os.kill(os.getpid(), signal.SIGKILL)

import mlray.experiments.on_ray
engine = Threads()
engine.fault = Killed
mlray.experiments.on_ray.sweep_on_ray = engine
mlray.Project.connect = lambda self: None
with mlray.open(sys.argv[1], clock=ManualClock(NOW)) as project:
    project.sweep()
"""


def test_what_a_killed_process_did_is_paid_by_whoever_takes_the_sweep_up(project):
    killed = subprocess.run([sys.executable, "-c", KILLED, str(project.folder)], check=False, cwd=ROOT)
    assert killed.returncode == -signal.SIGKILL
    assert paid(project) == []
    assert len(project.journal(kind="promise")) == 1
    before = worth(project)
    assert before[0] > 0
    found = project.sweep(resume=journal_of(project).stem, trials=3)
    assert len(found.trials) == 3
    ours, theirs = sorted(paid(project), key=lambda spend: spend == near(before))
    assert theirs == near(before)
    assert (ours[0] + theirs[0], ours[1] + theirs[1]) == near(worth(project))
    project.sweep(resume=journal_of(project).stem, trials=3)
    assert len(paid(project)) == 3
