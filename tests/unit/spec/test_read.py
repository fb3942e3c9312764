"""The project file: what is right is read, what is wrong is told all at once."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from mlray.errors import SpecError
from mlray.spec import Choice, Range, read_spec


def test_a_good_file_is_read_into_values(write):
    spec = read_spec(write())

    assert spec.data.columns["channel"].allowed == ("web", "010")
    assert spec.model.trainers["xgboost"] == {
        "learning_rate": Range(low=0.03, high=0.3, scale="log"),
        "max_depth": 6,
        "booster": Choice(choices=("gbtree", "dart")),
    }
    assert (spec.costs.release, spec.costs.error) == (Decimal(40), Decimal("0.5"))
    assert spec.live is not None
    assert spec.live.start == date(2024, 4, 1)


def test_a_folder_stands_for_the_file_in_it_and_is_remembered(write):
    file = write()

    assert read_spec(file.parent) == read_spec(str(file))
    assert read_spec(file).folder == file.parent.resolve()
    assert read_spec(file).root == file.parent.resolve() / ".mlray"


def test_a_file_with_a_byte_order_mark_is_read(write):
    file = write()
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())

    assert read_spec(file).project == "shop"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("  time: at", "  tiem: at", "5: unknown key 'tiem' in data; did you mean 'time'?"),
        ("project: shop", "proyect: shop", "1: unknown key 'proyect' in the project; did you mean 'project'?"),
        (
            "project: shop",
            "project: My Shop!",
            "1: project is 'My Shop!'; a name has lower-case letters, digits, - and _,",
        ),
        ("project: shop", "project: 2024", "1: project is 2024, not a text (quotes make it a text)"),
        ("order: integer", "order: int", "9: data.columns.order is 'int'; did you mean 'integer'? Valid: integer,"),
        ("order: integer", "order: {type: integer, nulable: true}", "9: unknown key 'nulable' in data.columns.order;"),
        ("order: integer", "order: {nullable: true}", "9: data.columns.order lacks 'type'"),
        (
            "order: integer",
            "order: [integer]",
            "9: data.columns.order is [integer], not a section of `key: value` lines",
        ),
        ("max_depth: 6", "max_depth: [6]", "19: model.trainers.xgboost.max_depth: a range is written [low, high] or"),
        (
            "max_depth: 6",
            "max_depth: [a, b]",
            "19: model.trainers.xgboost.max_depth: a range is written [low, high] or",
        ),
        (
            "max_depth: 6",
            "max_depth: [9, 3]",
            "19: model.trainers.xgboost.max_depth is [9, 3]; the low end must lie below",
        ),
        (
            "max_depth: 6",
            "max_depth: [0, 3, log]",
            "19: model.trainers.xgboost.max_depth is [0, 3, log]; a logarithmic",
        ),
        (
            "max_depth: 6",
            "max_depth: [1, 3, logg]",
            "19: model.trainers.xgboost.max_depth is 'logg'; did you mean 'log'?",
        ),
        ("max_depth: 6", "max_depth: {choices: []}", "19: model.trainers.xgboost.max_depth.choices is []; it needs at"),
        ("max_depth: 6", "max_depth:", "19: model.trainers.xgboost.max_depth is empty, not"),
        ("model:", "model:\n  trials: 0", "19: model.trials is 0; it must be at least 1"),
        ("model:", "model:\n  trials: many", "19: model.trials is 'many', not a whole number"),
        ("model:", "model:\n  trials: '12'", "19: model.trials is '12', not a whole number"),
        ("model:", "model:\n  trials: 1.5", "19: model.trials is 1.5, not a whole number"),
        ("model:", "model:\n  goal: .inf", "19: model.goal is .inf, not a finite number"),
        ("model:", "model:\n  goal: 1.5", "19: model.goal is 1.5; auc lies between 0 and 1"),
        ("model:", "model:\n  goal: 7e-1x", "19: model.goal is '7e-1x', not a number"),
        ("model:", "model:\n  metric: auk", "19: model.metric is 'auk'; did you mean 'auc'? Valid: auc, accuracy,"),
        ("model:", "model:\n  window: 90", "19: model.window is 90, not a text"),
        (
            "model:",
            "model:\n  window: 90 dys",
            "19: model.window: '90 dys' is not a duration; write a number and a unit",
        ),
        ("model:", "model:\n  window: 99999999999 weeks", "19: model.window: '99999999999 weeks' is longer than a"),
        (
            "model:",
            "model:\n  holdout: 90 days",
            "19: model.holdout is '90 days'; nothing of the window of 90 days would",
        ),
        ("model:", "model:\n  holdout: 45 days", "19: model.holdout is '45 days'; nothing of the window of 90 days"),
        (
            "gates:",
            "drift: {every: 90 days}\ngates:",
            "20: drift.every is '90 days'; with drift.every 90 days and model.window 90 days, a fresh challenger",
        ),
        ("model:", "model:\n  window: 20 days", "19: model.window is '20 days'; nothing of the window of 20 days"),
        (
            "model:",
            "model:\n  holdout: 1 days\n  window: 5 days",
            "20: model.window is '5 days'; with drift.every 7 days and model.window 5 days, a fresh challenger",
        ),
        ("release: 40 USD", "release: 40 EUR", "21: costs.release: '40 EUR': only USD is known so far"),
        ("release: 40 USD", "release: much", "21: costs.release: 'much' is not an amount of money; write `40 USD`"),
        ("release: 40 USD", "release: -4 USD", "21: costs.release is -4; it must be at least 0"),
        ("release: 40 USD", "release: true", "21: costs.release is true, not an amount such as `40 USD`"),
        ("per: month", "per: moon", "21: costs.budget.per is 'moon'; did you mean 'month'? Valid: day, week,"),
        ("start: 2024-04-01", "start: 2024-04-31", "22: live.start: '2024-04-31' is not a day of the calendar;"),
        ("start: 2024-04-01", "start: 20240401.5", "22: live.start is 20240401.5, not a day such as 2013-04-01"),
        ("end: 2024-06-30", "end: 2024-03-30", "22: live.end is 2024-03-30; it lies before start, 2024-04-01"),
        ("gates:", "serving: {canary: [0.5, 0.1]}\ngates:", "20: serving.canary[1] is 0.1; each step is larger than"),
        ("gates:", "serving: {port: 70000}\ngates:", "20: serving.port is 70000; it must be at most 65535"),
        ("gates:", "access: {tenants: []}\ngates:", "20: access.tenants is []; it needs at least 1"),
        (
            "gates:",
            "workspace: {ray: lokal}\ngates:",
            "20: workspace.ray is 'lokal'; not the address of a Ray; did you",
        ),
        (
            "gates:",
            "workspace: {ray: cluster}\ngates:",
            "20: workspace.ray is 'cluster'; not the address of a Ray; write",
        ),
        ("gates:", "workspace: {journal: db}\ngates:", "20: workspace.journal is 'db'; not a URL such as"),
        (
            "gates:",
            "workspace: {store: 'ftp://a/b'}\ngates:",
            "20: workspace.store is 'ftp://a/b'; no versions are kept at 'ftp://'",
        ),
        (
            "gates:",
            "workspace: {lineage: marquez}\ngates:",
            "20: workspace.lineage is 'marquez'; not a URL such as http://marquez:5000",
        ),
        ("gates:", "folder: elsewhere\ngates:", "20: unknown key 'folder' in the project; it is where the file lies"),
        ("gates:", "drift: [1]\ngates:", "20: drift is [1], not a section of `key: value` lines"),
        ("slices: [channel]", "slices: channel", "20: gates.slices is 'channel', not a list [a, b]"),
        (
            "slices: [channel]",
            "slices: [chanel]",
            "20: gates.slices[0] is 'chanel'; no column has that name; did you mean",
        ),
        ("slices: [channel]", "slices: [channel], slice_rows: no", "20: gates.slice_rows is 'no', not a whole number"),
    ],
)
def test_a_fault_is_told_with_line_value_and_what_would_be_right(faults, old, new, fault):
    (found,) = faults((old, new))

    assert found.startswith(fault)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("  time: at", "  time: at_", "5: data.time is 'at_'; no column has that name; did you mean 'at'?"),
        ("  time: at", "  time: order", "5: data.time is 'order'; that column is a integer; the event time is"),
        ("at: timestamp", "at: {type: timestamp, nullable: true}", "5: data.time is 'at'; that column is nullable;"),
        ("at: timestamp", "at: {type: timestamp, known: later}", "5: data.time is 'at'; that column is known later;"),
        ("key: [order]", "key: [order, ordr]", "6: data.key[1] is 'ordr'; no column has that name; did you mean"),
        ('allowed: [web, "010"]', "allowed: [web, 010]", "10: data.columns.channel.allowed[1] is 010; not a value of"),
        ('allowed: [web, "010"]', "allowed: []", "10: data.columns.channel.allowed is []; it needs at least 1"),
        ('allowed: [web, "010"]', "allowed: [web, internet], min: 3", "10: data.columns.channel.min is 3; only an"),
        (
            "unit: kilogram",
            "unit: kilogram, allowed: [1]",
            "11: data.columns.weight.allowed is [1]; only a string or an",
        ),
        ("min: 0, max: 50", "min: 60, max: 50", "11: data.columns.weight.min is 60; it lies above max, 50"),
        (
            "order: integer",
            "order: {type: timestamp, unit: day}",
            "9: data.columns.order.unit is 'day'; only an integer",
        ),
        (
            "known: later}\n",
            "known: before}\n",
            "17: data.target.column is 'returned'; a request would bring the answer",
        ),
        (
            "type: boolean, known",
            "type: string, known",
            "17: data.target.column is 'returned'; that column is a string;",
        ),
        ("column: returned", "column: return", "17: data.target.column is 'return'; no column has that name; did you"),
        ("on: [at]", "on: [hour]", "14: data.lookups.weather.on[0] is 'hour'; no column has that name; known: at,"),
        (
            "columns: {temp:",
            "columns: {order:",
            "14: data.lookups.weather.columns.order is 'order'; the source has a column",
        ),
        (
            "rename: {mass: weight}",
            "rename: {mass: wight}",
            "16: data.mappings[0].rename.mass is 'wight'; no column has",
        ),
        (
            "units: {weight: gram}",
            "units: {temp: gram}",
            "16: data.mappings[0].units.temp is 'gram'; the contract gives",
        ),
        ("units: {weight: gram}", "units: {wait: gram}", "16: data.mappings[0].units.wait is 'gram'; for 'wait' no"),
        (
            "{internet: web}",
            "{internet: webb}",
            "16: data.mappings[0].values.channel.internet is 'webb'; 'channel' does",
        ),
        (
            "features: features.py",
            "features: {heavy: wieght > 2}",
            "2: features.heavy is 'wieght > 2'; 'wieght' is no column; did you mean 'weight'?",
        ),
        (
            "features: features.py",
            "features: {back: returned}",
            "2: features.back is 'returned'; 'returned' is known only afterwards",
        ),
        (
            "features: features.py",
            "features: {cold: temp >}",
            "2: features.cold is 'temp >'; it cannot be read: invalid syntax",
        ),
        (
            "values: {channel:",
            "values: {canal:",
            "16: data.mappings[0].values.canal is {internet: web}; for 'canal' no",
        ),
    ],
)
def test_names_and_values_that_do_not_go_together_are_told(faults, old, new, fault):
    (found,) = faults((old, new))

    assert found.startswith(fault)


def test_two_lookups_cannot_bring_the_same_column(faults):
    second = "    sea: {source: weather.csv, on: [at], columns: {temp: number}}\n  mappings:"

    (found,) = faults(("  mappings:", second))

    assert found.startswith("15: data.lookups.sea.columns.temp is 'temp'; lookup 'weather' has a column of that name")


def test_all_faults_are_told_at_once_in_the_order_of_the_file(faults):
    found = faults(
        ("project: shop", "projct: Shop"),
        ("features: features.py", "features: feature.py"),
        ("order: integer", "order: itneger"),
        ("time: at", "time: att"),
        ("min: 0, max: 50", "min: 60, max: 50, unt: x"),
        ("max_depth: 6", "max_depth: [3]"),
        ("gates: {slices: [channel]}", "gates: {slices: [chanel], slice_rows: 0}\ngates: {}"),
        ("release: 40 USD", "release: 40 EUR"),
        ("live: {start: 2024-04-01, end: 2024-06-30}", "live: {start: 2024-04-01}"),
    )

    told = "\n".join(found)
    for expected in (
        "1: unknown key 'projct'",
        "1: project is 'Shop'",
        "2: features: there is no file 'feature.py'; the closest is 'features.py'",
        "5: data.time is 'att'",
        "9: data.columns.order is 'itneger'",
        "11: unknown key 'unt'",
        "11: data.columns.weight.min is 60",
        "19: model.trainers.xgboost.max_depth",
        "20: gates.slices[0] is 'chanel'",
        "20: gates.slice_rows is 0",
        "21: gates appears twice; the first is in line 20",
        "22: costs.release: '40 EUR'",
        "23: live lacks 'end' (Last day, replayed as well)",
    ):
        assert expected in told
    assert len(found) == 13


def test_a_missing_key_does_not_hide_what_else_is_wrong(faults):
    found = faults(("  source: orders-*.csv\n", ""), ("slices: [channel]", "slices: [chanel]"))

    assert found == [
        "3: data lacks 'source' (Path or pattern, relative to the project, or a URL; Parquet, CSV or JSON lines)",
        "19: gates.slices[0] is 'chanel'; no column has that name; did you mean 'channel'?",
    ]


@pytest.mark.parametrize("text", ["- a\n- b\n", "just words\n", "42\n"])
def test_a_file_that_is_no_section_is_told_so(faults, text):
    (found,) = faults(text=text)

    assert found.startswith("1: the file is ")


def test_an_empty_section_is_not_taken_for_the_default(faults):
    (found,) = faults(("costs:", "drift:\ncosts:"))

    assert found == "21: drift is empty, not a section of `key: value` lines"


def test_a_file_that_is_not_there_is_told_with_the_closest_thing(tmp_path):
    with pytest.raises(SpecError, match="there is no such project file") as caught:
        read_spec(tmp_path)
    assert caught.value.remedy == f"`mlray init {tmp_path}` makes one; or is the path wrong?"

    (tmp_path / "mlray.yml").write_text("project: x", encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        read_spec(tmp_path)
    assert caught.value.remedy == f"There is {tmp_path / 'mlray.yml'}."

    with pytest.raises(SpecError) as caught:
        read_spec(Path("no/such/folder"))
    assert "mlray init no/such/folder`" in caught.value.remedy


def test_a_file_that_is_not_text_is_told_so(write):
    file = write()
    file.write_bytes(b"project: \xff\xfe")

    with pytest.raises(SpecError, match="cannot be read: 'utf-8' codec"):
        read_spec(file)


def test_what_a_later_stage_finds_gets_its_line(write):
    file = write(("release: 40 USD", "release: 40 EUR"))

    def check(spec):
        raise SpecError(["model.trainers.xgboost.max_depth: too deep", "model.trainers: too few", "somewhere: odd"])

    with pytest.raises(SpecError) as caught:
        read_spec(file, check=check)

    assert [problem.removeprefix(f"{file}:") for problem in caught.value.problems] == [
        "1: somewhere: odd",
        "19: model.trainers.xgboost.max_depth: too deep",
        "19: model.trainers: too few",
        "21: costs.release: '40 EUR': only USD is known so far, as in `40 USD`",
    ]


def test_a_later_stage_that_finds_nothing_lets_the_file_through(write):
    assert read_spec(write(), check=lambda spec: None).project == "shop"


NESTED = """\
model:
  trainers:
    xgboost:
      grow_policy:
        choices:
          depthwise: {max_depth: [3, 10]}
          lossguide:
            max_leaves: [8, 256, log]
      booster: {choices: [gbtree, dart]}
      rate_drop: {range: [0.0, 0.5], when: {booster: dart}}
    pkg.part:Own:
      alpha: [0.1, 1.0]
"""
FLAT = "model:\n  trainers: {xgboost: {learning_rate: [0.03, 0.3, log], max_depth: 6, booster: {choices: [gbtree, dart]}}}\n"


def test_spaces_may_be_nested_and_conditional(write):
    space = read_spec(write((FLAT, NESTED))).model.trainers["xgboost"]

    assert space == {
        "grow_policy": Choice(
            choices={
                "depthwise": {"max_depth": Range(low=3, high=10)},
                "lossguide": {"max_leaves": Range(low=8, high=256, scale="log")},
            }
        ),
        "booster": Choice(choices=("gbtree", "dart")),
        "rate_drop": Range(low=0.0, high=0.5, when={"booster": "dart"}),
    }


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "max_leaves: [8, 256, log]",
            "max_leaves: [256, 8, log]",
            "25: model.trainers.xgboost.grow_policy.choices.lossguide.max_leaves is [256, 8]; the low end must lie",
        ),
        (
            "{max_depth: [3, 10]}",
            "[3, 10]",
            "23: model.trainers.xgboost.grow_policy.choices.depthwise is [3, 10], not a section of",
        ),
        (
            "{range: [0.0, 0.5], when: {booster: dart}}",
            "{when: {booster: dart}}",
            "27: model.trainers.xgboost.rate_drop: a range is written [low, high] or [low, high, log];",
        ),
        (
            "when: {booster: dart}",
            "when: {booster: {is: dart}}",
            "27: model.trainers.xgboost.rate_drop.when.booster is {is: dart}, not a text or",
        ),
        (
            "when: {booster: dart}",
            "whn: {booster: dart}",
            "27: unknown key 'whn' in model.trainers.xgboost.rate_drop; did you mean 'when'?",
        ),
    ],
)
def test_what_is_wrong_deep_in_a_space_is_told_with_its_line(faults, old, new, says):
    (found,) = faults((FLAT, NESTED.replace(old, new)))

    assert found.startswith(says)


def test_what_only_follows_from_a_fault_in_a_space_is_not_told(write):
    file = write((FLAT, NESTED.replace("choices: [gbtree, dart]", "choices: [[]]").replace("[0.1, 1.0]", "3")))

    def check(spec):
        raise SpecError(
            [
                "model.trainers.xgboost.booster: 1 is not a word",
                "model.trainers.xgboost.rate_drop.when: booster is never 'dart'",
                "model.trainers.xgboost.grow_policy: no such parameter",
                "model.trainers.pkg.part:Own.alpha: too many",
            ]
        )

    with pytest.raises(SpecError) as caught:
        read_spec(file, check=check)

    told = [problem.removeprefix(f"{file}:") for problem in caught.value.problems]
    assert [line.partition(" is ")[0] for line in told] == [
        "21: model.trainers.xgboost.grow_policy: no such parameter",
        "26: model.trainers.xgboost.booster.choices[0]",
        "29: model.trainers.pkg.part:Own.alpha: too many",
    ]


def test_features_may_be_declared(write):
    spec = read_spec(
        write(("features: features.py", "features: {heavy: weight > 2, hour: hour(at), late: temp / weight}"))
    )
    assert spec.features == {"heavy": "weight > 2", "hour": "hour(at)", "late": "temp / weight"}
