from dataclasses import replace
from math import inf, nan

import pytest

from mlray.console import report
from mlray.console.finite import finite
from mlray.records import Interval, Trial

BAD = Interval(nan, nan, nan)
BROKEN = Trial(99, "xgboost", {"rate": inf}, 0.7, 9, 1.0, "finished", curve=((3, nan),), objectives={"latency": nan})


def test_a_finite_story_stays_as_it_is(sample_story):
    assert finite(sample_story()) == sample_story()


def test_the_page_survives_figures_that_are_not_numbers(sample_story):
    story = sample_story()
    month = replace(story.months[0], served={"error": BAD, "auc": Interval(0.7, 0.6, inf)}, saved=BAD)
    model = story.models[1]
    card = replace(
        model.scorecard, metrics={"auc": BAD}, slices=tuple(replace(s, score=BAD) for s in model.scorecard.slices)
    )
    experiment = story.experiments[0]
    broken = replace(
        story,
        feasibility=replace(story.feasibility, curve=(replace(story.feasibility.curve[0], score=BAD),)),
        months=(month, *story.months[1:]),
        drift=(replace(story.drift[0], columns=(replace(story.drift[0].columns[0], psi=inf),)), *story.drift[1:]),
        performance=(
            replace(story.performance[0], estimated=BAD, excess=BAD, measured={"error": BAD}),
            *story.performance[1:],
        ),
        experiments=(
            replace(
                experiment,
                trials=(replace(experiment.trials[0], score=nan), BROKEN, *experiment.trials[1:]),
                importance={"max_depth": 0.4, "rate": nan},
                ensemble_score=inf,
            ),
        ),
        models=(replace(model, scorecard=card),),
    )
    page = report(broken)
    assert "nan" not in page.replace("nance", "")
    assert "inf," not in page


@pytest.mark.parametrize("field", ["trivial", "linear", "expected"])
def test_a_feasibility_without_its_levels_is_not_drawn(sample_story, field):
    story = sample_story()
    assert finite(replace(story, feasibility=replace(story.feasibility, **{field: BAD}))).feasibility is None


def test_a_story_without_a_feasibility_has_none(empty_story):
    assert finite(empty_story) == empty_story
