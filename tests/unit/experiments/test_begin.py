"""A sweep that is taken up again: only for the question it began with, and its journal is never left locked."""

import pytest

from mlray.errors import InputError
from mlray.experiments import Listed, Wanted, read, resume, sweep_here
from mlray.experiments._begin import begin
from mlray.experiments._space import Configuration
from mlray.spec import Model
from tests import toys

MODEL = Model(trainers={toys.NAME: {"floor": (0.1, 1.0)}}, searcher="random", rounds=20, ensemble=False)


def quiet(done, total, note=""):
    """Hear nothing."""


def wanted(folder, **changes):
    return Wanted(**{"name": "sweep-1", "trials": 4, "progress": quiet, "folder": folder, **changes})


@pytest.fixture
def journal(tmp_path):
    """The journal of a sweep of four trials."""
    sweep_here(toys.problem(), MODEL, wanted(tmp_path), width=1)
    return tmp_path / "sweep-1.jsonl"


def unlocked(journal):
    resume(journal)[0].close()
    return True


def test_the_same_question_is_gone_on_with(journal):
    assert read(journal).plan.question == toys.problem().key
    found = sweep_here(toys.problem(), MODEL, wanted(journal.parent, trials=6, resumed=journal), width=1)
    assert [trial.number for trial in found.trials] == list(range(6))


@pytest.mark.parametrize(
    ("problem", "rounds", "halving", "says"),
    [
        ({"rows": 14}, 20, True, "question: the rows are others"),
        ({"metric": "mae"}, 20, True, "question: metric: rmse, now mae"),
        ({}, 30, True, "question: rounds: 20, now 30"),
        ({}, 20, False, "question: halving: True, now False"),
        ({"rows": 14}, 30, True, "question: the rows are others, rounds: 20, now 30"),
    ],
)
def test_another_question_is_refused_and_the_journal_stays_free(journal, problem, rounds, halving, says):
    before = journal.read_bytes()
    model = MODEL.model_copy(update={"rounds": rounds})
    with pytest.raises(InputError, match=says) as caught:
        begin(toys.problem(**problem), model, wanted(journal.parent, resumed=journal, halving=halving))
    assert "begin a new sweep" in caught.value.remedy
    assert unlocked(journal)
    assert journal.read_bytes() == before


def test_a_journal_of_before_questions_were_written_down_is_gone_on_with(journal):
    old = journal.read_text().replace(f'"question":"{toys.problem().key}"', '"question":""')
    journal.write_text(old)
    begin(toys.problem(rows=14), MODEL, wanted(journal.parent, resumed=journal)).close()


def test_a_search_that_cannot_be_made_again_leaves_the_journal_free(tmp_path):
    mine = Listed([Configuration(toys.NAME, {"floor": 0.5})])
    sweep_here(toys.problem(), MODEL, wanted(tmp_path, search=mine), width=1)
    journal = tmp_path / "sweep-1.jsonl"
    with pytest.raises(InputError, match="a search of its caller"):
        begin(toys.problem(), MODEL, wanted(tmp_path, resumed=journal))
    assert unlocked(journal)
