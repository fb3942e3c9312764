from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from mlray.console import Fault, Judged, Story
from mlray.records import ModelVersion


def test_story_survives_json(sample_story):
    story = sample_story()
    assert Story.from_json(story.to_json()) == story


def test_story_from_json_refuses_a_missing_field(sample_story):
    data = dict(sample_story().to_json())
    del data["project"]
    with pytest.raises(ValidationError, match="project"):
        Story.from_json(data)


def test_decisions_and_versions_of_all_faults_are_marked(sample_story):
    story = sample_story(faults=(Fault("a", "v4", ("x", "y")), Fault("b", "", ("z",))))
    assert story.injected == {"x", "y", "z"}
    assert story.broken_versions == {"v4"}


def test_a_registered_model_is_told_under_the_name_of_its_episodes(sample_story):
    card = sample_story().models[0].scorecard
    made = datetime(2013, 4, 1, tzinfo=UTC)
    model = ModelVersion(
        "flights", 3, "departures@v2", "d" * 64, "f", "sweep-2", card, "/models/3", "a" * 64, made, "retrain-5"
    )
    assert Judged.of(model) == Judged("v3", made, card, "departures@v2", "sweep-2", "a" * 64, "retrain-5")
