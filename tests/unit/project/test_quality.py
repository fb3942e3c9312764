"""The profile of a whole project, with trouble put in on purpose."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mlray
from mlray.clock import ManualClock
from mlray.errors import NotFoundError
from tests.projects import orders, small_project

NOW = datetime(2024, 2, 3, tzinfo=UTC)


def project(folder, change=lambda table: table, spec=("", "")):
    small_project(folder)
    table = change(orders(days=22))
    for file in (folder / "data").iterdir():
        file.unlink()
    half = table.num_rows // 2
    pq.write_table(table.slice(0, half), folder / "data" / "orders-1.parquet")
    pq.write_table(table.slice(half), folder / "data" / "orders-2.parquet")
    file = folder / "mlray.yaml"
    text = file.read_text()
    assert spec[0] in text
    file.write_text(text.replace(*spec).replace("live: {", "# live: {"))
    return mlray.open(folder, clock=ManualClock(NOW))


def leaking(table):
    back = table["days_back"].to_numpy() > 0
    return table.append_column(
        "refund", pa.array(np.where(back, 5.0, 0.0) + np.random.default_rng(1).random(len(back)))
    )


@pytest.fixture(scope="module")
def troubled(tmp_path_factory):
    """A project whose rows know the answer, repeat themselves and break the contract."""

    def spoil(table):
        table = leaking(table)
        table = pa.concat_tables([table, table.slice(4_200, 90)]).sort_by("at")
        price = table["price"].to_numpy().copy()
        price[:7] = -1
        return table.set_column(table.column_names.index("price"), "price", pa.array(price))

    with project(
        tmp_path_factory.mktemp("troubled") / "orders", spoil, ("    price:", "    refund: number\n    price:")
    ) as opened:
        opened.ingest(datetime(2024, 1, 10, tzinfo=UTC))
        opened.ingest()
        yield opened


def test_a_column_that_knows_the_answer_is_named(troubled):
    found = troubled.profile()
    assert found.leakage[0].column == "refund"
    assert found.leakage[0].verdict == "certain"
    assert found.findings[0].about == "leakage"


def test_rows_that_are_there_twice_are_counted(troubled):
    assert troubled.profile().repetition.repeated == 90


def test_each_rule_has_its_count_and_the_first_rows_that_broke_it(troubled):
    rules = {rule.rule: rule for rule in troubled.profile().rules}
    broken = next(rule for name, rule in rules.items() if "price" in name)
    assert broken.failed == 7
    assert 1 <= len(broken.examples) <= 3
    assert "orders-1.parquet, row " in broken.examples[0]
    assert rules["every row keeps the contract"].failed >= broken.failed
    assert not broken.passed
    assert not rules["every row keeps the contract"].passed


def test_a_rule_that_holds_is_listed_with_nought(troubled):
    found = troubled.profile().rules
    rules = {rule.rule: rule for rule in found if rule.aside}
    assert len(rules) == len(found)
    assert {"at is missing", "shop is not an allowed value", "price is not a finite number", "price above 1000"} <= {
        name for name, rule in rules.items() if rule.passed and not rule.failed and rule.checked
    }
    assert "weight is missing" not in rules
    assert [rule.rule for rule in found[:2]] == ["every row keeps the contract", "price below 0"]


def test_two_versions_are_compared_by_the_rows_that_came_since(troubled):
    found = troubled.profile("v2", against=1)
    assert found.against == "orders@v1"
    assert found.drift is not None
    first, second = troubled.dataset(1), troubled.dataset(2)
    assert found.drift.rows == second.rows - first.rows
    assert sum(bar.before for bar in found.columns[0].bars) == first.rows
    assert not found.drift.drifting


def test_columns_stand_in_the_order_of_the_contract_with_its_units(troubled):
    names = [column.name for column in troubled.profile().columns]
    assert names == list(troubled.dataset().schema)


@pytest.mark.parametrize("ref", ["orders@v1", "v1", "1", 1])
def test_a_version_may_be_named_in_many_ways(troubled, ref):
    assert troubled.profile(ref).dataset == "orders@v1"


def test_a_version_that_is_not_there_is_said_so(troubled):
    with pytest.raises(NotFoundError, match="v9"):
        troubled.profile("v9")


def test_answers_that_were_turned_round_are_found(tmp_path):
    wrong = np.random.default_rng(2).random(4_400) < 0.08

    def spoil(table):
        sure = np.abs(table["price"].to_numpy() - 50) > 22  # where the price decides, an answer can be called wrong
        table = table.filter(pa.array(sure))
        back = table["days_back"].to_numpy() > 0
        meant = table["price"].to_numpy() > 50
        turned = np.where(wrong[: len(back)], ~meant, meant)
        assert back.shape == turned.shape
        return table.set_column(4, "days_back", pa.array(turned.astype(float)))

    with project(tmp_path / "orders", spoil) as opened:
        opened.ingest()
        found = opened.profile()
    assert found.labels.noise == pytest.approx(0.08, abs=0.03)
    assert found.labels.named == pytest.approx(wrong.sum() * found.labels.judged / len(wrong), rel=0.3)
    assert {"at", "days_back"} <= set(found.labels.worst[0].row)


def test_with_hardly_an_answer_of_one_kind_neither_leakage_nor_labels_are_judged(tmp_path):
    def spoil(table):
        back = np.zeros(table.num_rows)
        back[:9] = 1.0
        return table.set_column(4, "days_back", pa.array(back))

    with project(tmp_path / "orders", spoil) as opened:
        opened.ingest()
        found = opened.profile()
    assert (found.leakage, found.labels) == ((), None)
    assert "60 rows of each answer" in found.notes[0]
    assert found.balance.positives == 9


def test_features_that_cannot_be_made_leave_a_note_and_the_rest(tmp_path):
    folder = tmp_path / "orders"
    folder.mkdir()
    (folder / "features.py").write_text("def features(rows):\n    return rows[['nothing']]\n")
    with project(folder, spec=("model:\n", "features: features.py\nmodel:\n")) as opened:
        opened.ingest()
        found = opened.profile()
    assert found.labels is None
    assert found.leakage
    assert "features cannot be made" in found.notes[0]


def test_nothing_can_be_said_of_a_project_without_data(tmp_path):
    with project(tmp_path / "orders") as opened, pytest.raises(NotFoundError, match="no data yet"):
        opened.profile()


def test_the_contracts_rules_on_whole_tables_are_counted_over_all_parts(tmp_path):
    rules = (
        "  quality: [{metric: rowCount, more_than: 100000}, {metric: nullValues, columns: [weight], at_most: 500}]\n"
    )
    with project(tmp_path / "orders", spec=("  target:", f"{rules}  target:")) as opened:
        opened.ingest()
        found = opened.profile()
    few, missing = found.rules[-2:]
    assert (few.passed, few.failed, few.checked) == (False, 0, found.rows)
    weight = next(column for column in found.columns if column.name == "weight")
    assert (missing.passed, missing.failed) == (True, weight.missing)
    assert any(one.about == "rules" and one.level == "bad" for one in found.findings)


def test_old_rows_are_held_out_by_their_own_newest_time(tmp_path):
    def copied(table):
        newest = table["at"][-1].as_py()
        tail = table.slice(100, 300)
        times = pa.array([newest - timedelta(minutes=n) for n in range(300)], tail["at"].type)
        return pa.concat_tables([table, tail.set_column(0, "at", times)]).sort_by("at")

    with project(tmp_path / "orders", copied) as opened:
        opened.ingest(datetime(2024, 6, 1, tzinfo=UTC))
        found = opened.profile()
    assert found.repetition.held
    assert found.repetition.learnt == 300
    assert any(one.about == "repetition" and one.level == "bad" for one in found.findings)


def test_rows_that_all_lie_in_the_holdout_are_not_judged(tmp_path):
    with project(
        tmp_path / "orders", spec=("window: 30 days\n  holdout: 4 days", "window: 90 days\n  holdout: 29 days")
    ) as opened:
        opened.ingest()
        found = opened.profile()
    assert not found.repetition.judged
    told = [one.sentence for one in found.findings if one.about == "repetition"]
    assert "Whether the rows to judge by are new was not judged: all 4,400 rows lie in the holdout." in told
    assert not any("rows to judge by are new." in sentence for sentence in told)


def test_values_that_were_left_out_count_for_the_rule_that_they_broke(tmp_path):
    spec = ("    weight: {type: number, nullable: true}", "    weight: {type: number, nullable: true, max: 8}")
    with project(tmp_path / "orders", spec=spec) as opened:
        file = opened.spec.folder / "mlray.yaml"
        file.write_text(file.read_text().replace("  target:", "  modes: {rows: discard_value}\n  target:"))
    with mlray.open(file.parent, clock=ManualClock(NOW)) as opened:
        opened.ingest()
        found = opened.profile()
    heavy = next(rule for rule in found.rules if rule.rule == "weight above 8")
    assert heavy.failed > 0
    assert not heavy.passed
    assert found.rules[0].passed
    assert any(one.sentence.startswith("Values that broke the contract were left out") for one in found.findings)


def test_rules_are_those_of_the_contract_that_the_version_was_read_by(tmp_path):
    with project(tmp_path / "orders") as opened:
        opened.ingest()
        file = opened.spec.folder / "mlray.yaml"
    file.write_text(file.read_text().replace("max: 1000", "max: 2000"))
    with mlray.open(file.parent, clock=ManualClock(NOW)) as opened:
        rules = {rule.rule for rule in opened.profile().rules}
        for kept in (opened.space.root / "store").rglob("contracts/*/*.json"):
            kept.unlink()
        unknown = opened.profile().rules
    assert "price above 1000" in rules
    assert "price above 2000" not in rules
    assert [rule.rule for rule in unknown] == ["every row keeps the contract"]
