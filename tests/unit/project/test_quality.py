"""The profile of a whole project, with trouble put in on purpose."""

from datetime import UTC, datetime

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
