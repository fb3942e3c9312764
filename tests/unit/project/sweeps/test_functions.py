"""A function's sweep that is taken up again."""

from decimal import Decimal

import pytest

from mlray.errors import InputError
from mlray.experiments import Journal, Plan, Recipe, resume
from mlray.leases import Terms
from mlray.project.sweeps._asked import Asked, spec_of
from mlray.project.sweeps._functions import _state

PLAN = Plan("sweep-1", "loss", 100, 4, mode="min", halving=False)


@pytest.mark.parametrize(
    ("own", "metric", "says"),
    [("Mine", "loss", "a search of its caller"), ("", "speed", r"sweep-1 compared by loss \(min\), not speed")],
)
def test_what_is_refused_leaves_the_journal_free(tmp_path, own, metric, says):
    model = spec_of({"searcher": "random"}, {"mine": {"x": (0.0, 1.0)}})
    recipe = Recipe(model.model_dump(mode="json", exclude_defaults=True), 0, higher=False, free=True, own=own)
    Journal.begin(tmp_path, PLAN, recipe.to_json()).close()
    journal = tmp_path / "sweep-1.jsonl"
    asked = Asked(model, None, tmp_path, journal, Decimal(0), "default", Terms(), lambda *_: None)
    with pytest.raises(InputError, match=says):
        _state(Plan("sweep-2", metric, 100, 4, mode="min", halving=False), recipe, asked, None)
    resume(journal)[0].close()
