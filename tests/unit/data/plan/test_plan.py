"""Plans carried out in this process."""

import importlib
import json
import pickle
import sys
from dataclasses import replace
from functools import partial
from threading import Lock

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from mlray.data.plan import Plan, call, col
from mlray.data.plan import _parts as parts_of
from mlray.data.plan._digest import plan_digest
from mlray.data.plan._sinks import FolderSink
from mlray.errors import DataError, StoreError, UnavailableError

SHOPS = pa.table({"shop": ["north", "south"], "tax": [0.1, 0.2], "place": ["up", "down"]})


def orders(first, count):
    return pa.table(
        {
            "order": pa.array(range(first, first + count), pa.int64()),
            "shop": [["north", "south", "east", None][number % 4] for number in range(first, first + count)],
            "price": [float(number % 7) for number in range(first, first + count)],
        }
    )


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        pq.write_table(orders(number * 100, 100), folder / f"orders-{number}.parquet", row_group_size=40)
    return folder


def whole(folder):
    return pa.concat_tables([pq.read_table(path) for path in sorted(folder.glob("*.parquet"))])


def taxed(files):
    return (
        Plan.of(files)
        .filter(col("price") > 1)
        .derive(double=col("price") * 2)
        .lookup(SHOPS, on="shop")
        .derive(due=col("double") * col("tax"))
    )


def test_a_plan_filters_derives_looks_up_writes_and_sums_up(files, tmp_path):
    heard = []
    plan = taxed(files).write(tmp_path / "out").aggregate(["place"], rows="count", most=("due", "max"))
    result = plan.run(progress=lambda done, total, note="": heard.append((done, total)))
    made = whole(tmp_path / "out")
    raw = [row for row in whole(files).to_pylist() if row["price"] > 1]
    tax = {"north": 0.1, "south": 0.2}
    assert made["order"].to_pylist() == [row["order"] for row in raw]
    assert made["double"].to_pylist() == [row["price"] * 2 for row in raw]
    assert made["tax"].to_pylist() == [tax.get(row["shop"]) for row in raw]
    assert made["place"].to_pylist() == [{"north": "up", "south": "down"}.get(row["shop"]) for row in raw]
    assert made.schema.field("shop").type == pa.string()
    assert (result.rows, result.read, result.resumed) == (len(raw), 300, 0)
    assert result.groups.to_pylist()[0]["place"] == "down"
    assert sum(result.groups["rows"].to_pylist()) == len(raw)
    assert heard[0] == (0, 300)
    assert heard[-1] == (300, 300)
    assert "300 rows read" in str(result)
    assert not list((tmp_path / "out").glob(".*"))


def test_only_the_columns_that_are_needed_are_read(files, monkeypatch):
    read = []
    real = parts_of.batches
    monkeypatch.setattr(
        parts_of, "batches", lambda file, columns, *more: read.append(columns) or real(file, columns, *more)
    )
    result = taxed(files).aggregate(["shop"], due=("due", "sum")).run()
    assert {tuple(columns) for columns in read} == {("shop", "price")}
    assert result.groups.column_names == ["shop", "due"]
    rows = Plan.of(files).aggregate(rows="count").run()
    assert rows.groups.to_pylist() == [{"rows": 300}]


def test_a_function_gets_batches_as_tables_and_may_return_any_rows(files, tmp_path):
    def cheap(rows):
        return rows.filter(pa.compute.less(rows["price"], 2)).select(["order", "shop"])

    def frame(rows):
        return rows.to_pandas().assign(more=1)

    Plan.of(files).map(cheap, columns=["order", "price", "shop"]).map(frame).write(tmp_path / "out").run()
    made = whole(tmp_path / "out")
    assert made.column_names == ["order", "shop", "more"]
    assert made["order"].to_pylist() == [row["order"] for row in whole(files).to_pylist() if row["price"] < 2]


def test_columns_are_derived_by_functions_of_the_table_and_from_single_values(files, tmp_path):
    plan = Plan.of(files).derive(
        twice=lambda rows: pa.compute.multiply(rows["price"], 2), one=call("add", 0, 1), price=col("price") + 1
    )
    plan.select("one", "twice", "price").write(tmp_path / "out").run()
    made = whole(tmp_path / "out")
    assert made.column_names == ["one", "twice", "price"]
    assert made["price"].to_pylist() == [price / 2 + 1 for price in made["twice"].to_pylist()]
    assert set(made["one"].to_pylist()) == {1}


def test_an_inner_lookup_drops_what_does_not_match(files, tmp_path):
    Plan.of(files).lookup(SHOPS, on=["shop"], inner=True).write(tmp_path / "out").run()
    assert set(whole(tmp_path / "out")["shop"].to_pylist()) == {"north", "south"}


def test_a_lookup_by_two_columns_matches_both(files, tmp_path):
    small = pa.table({"shop": ["north", "south"], "price": [0.0, 1.0], "hit": [1, 2]})
    Plan.of(files).lookup(small, on=["shop", "price"]).write(tmp_path / "out").run()
    for row in whole(tmp_path / "out").to_pylist():
        assert row["hit"] == {("north", 0.0): 1, ("south", 1.0): 2}.get((row["shop"], row["price"]))


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda plan: plan.lookup(SHOPS, on="shopp"), "no column 'shopp'"),
        (lambda plan: plan.lookup(pa.concat_tables([SHOPS, SHOPS]), on="shop"), "2 times"),
        (lambda plan: plan.aggregate(["shop"], price=("price", "median")), "no aggregate"),
        (lambda plan: plan.aggregate(["shop"], price="sum"), "no aggregate"),
        (lambda plan: plan.aggregate(["shop"]), "without a result"),
        (lambda plan: plan.select("orderr").run(), "no column 'orderr'"),
        (lambda plan: plan.filter(col("pricee") > 1).run(), r"orders-\d.*no column 'pricee'"),
        (lambda plan: plan.derive(more=lambda rows: rows["nothing"]).run(), "failed: KeyError"),
        (lambda plan: plan.derive(more=lambda rows: pa.array([1])).run(), "has 1 values for"),
        (
            lambda plan: plan.lookup(SHOPS.rename_columns(["town", "tax", "place"]), on="town").run(),
            "'town' to look up",
        ),
        (lambda plan: plan.lookup(SHOPS.append_column("price", [[1.0, 2.0]]), on="shop").run(), "'price' already"),
        (
            lambda plan: plan.map(lambda rows: rows).lookup(SHOPS.append_column("price", [[1.0, 2.0]]), "shop").run(),
            "'price' already",
        ),
        (
            lambda plan: plan.lookup(SHOPS.append_column("price", [[1.0, 2.0]]), "shop").aggregate(n="count").run(),
            "'price' already",
        ),
        (lambda plan: plan.aggregate(m=("shop", "mean")).run(), r"orders-\d.*cannot be summed up by m="),
        (lambda plan: plan.derive(more=call("cast", col("price"))).run(), r"orders-\d.*cannot be computed"),
        (lambda plan: plan.run("rayy"), "on is 'rayy'"),
        (lambda plan: Plan.of("nowhere/*.parquet"), "No Parquet file"),
    ],
)
def test_mistakes_are_told_with_what_was_seen(files, make, problem):
    with pytest.raises(DataError, match=problem):
        make(Plan.of(files))


def test_a_misspelt_column_is_told_with_the_closest_and_all_there_are(files):
    plans = [
        Plan.of(files).filter(col("pricee") > 1).aggregate(["shop"], rows="count"),
        Plan.of(files).derive(more=col("pricee") * 2).select("shop", "more"),
        Plan.of(files).select("pricee"),
    ]
    for plan in plans:
        with pytest.raises(DataError, match="no column 'pricee'") as told:
            plan.run()
        assert told.value.remedy.startswith("Did you mean 'price'? There are ")
        assert all(
            name in told.value.remedy
            for name in pq.read_schema(files[0] if isinstance(files, list) else next(files.glob("*.parquet"))).names
        )


def test_an_error_of_our_own_passes_through_a_function(files):
    def refuse(rows):
        raise StoreError("no more", remedy="")

    with pytest.raises(StoreError, match="no more"):
        Plan.of(files).map(refuse).run()


def test_a_damaged_file_is_named_and_a_repeat_does_only_what_is_missing(files, tmp_path):
    good = (files / "orders-1.parquet").read_bytes()
    bad = bytearray(good)
    bad[4 : len(bad) // 2] = bytes(len(bad) // 2 - 4)
    (files / "orders-1.parquet").write_bytes(bad)
    plan = taxed(files).write(tmp_path / "out").aggregate(["shop"], due=("due", "mean"))
    with pytest.raises(DataError, match=r"orders-1\.parquet cannot be read"):
        plan.run(cpus=1)
    (files / "orders-1.parquet").write_bytes(good)
    # The same plan, written again in a new process, is known by its steps.
    again = taxed(files).write(tmp_path / "out").aggregate(["shop"], due=("due", "mean")).run()
    fresh = taxed(files).write(tmp_path / "fresh").aggregate(["shop"], due=("due", "mean")).run()
    assert again.resumed > 0
    assert fresh.resumed == 0
    assert again.groups.equals(fresh.groups)
    assert whole(tmp_path / "out").equals(whole(tmp_path / "fresh"))


def test_a_finished_part_counts_only_while_its_file_and_the_plan_are_the_same(files, tmp_path):
    def broken(rows):
        raise ValueError("later")

    first = Plan.of(sorted(files.glob("*"))[:1]).derive(x=col("order") + 1).write(tmp_path / "out")
    with pytest.raises(DataError, match="later"):
        first.map(broken).run()
    assert first.run().resumed == 0


class Scale:
    """A function with a state."""

    def __init__(self, factor):
        self.factor = factor

    def scaled(self, rows):
        return pc.multiply(rows["price"], self.factor)

    def __call__(self, rows):
        return self.scaled(rows)


def scaled(rows, *, by=2):
    return pc.multiply(rows["price"], by)


def closed(inside):
    return lambda rows: rows["price"] if inside else None


@pytest.mark.parametrize(
    "make",
    [lambda by: Scale(by).scaled, Scale, lambda by: partial(scaled, by=by), lambda by: closed(Scale(by))],
    ids=["method", "callable", "partial", "closure"],
)
def test_a_function_is_known_by_its_state(files, make):
    def told(by):
        return plan_digest(Plan.of(files).derive(x=make(by)))

    assert told(1) == told(1)
    assert told(1) != told(2)


@pytest.mark.parametrize("odd", [closed(Lock()), Scale(Lock()).scaled], ids=["closure", "method"])
def test_a_plan_with_a_state_that_cannot_be_told_is_never_resumed(files, odd):
    plan = Plan.of(files).map(odd)
    assert plan_digest(plan) != plan_digest(plan)


def test_a_function_may_close_over_a_module_a_class_or_itself(files):
    for inside in (pc, Scale, len, pc.multiply):
        assert plan_digest(Plan.of(files).map(closed(inside))) == plan_digest(Plan.of(files).map(closed(inside)))

    def again(rows):
        return again if rows is None else rows

    assert Plan.of(files).map(again).run().rows == 300
    assert plan_digest(Plan.of(files).map(again))


def test_a_folder_with_files_is_refused_unless_they_may_go(files, tmp_path):
    plan = Plan.of(files).filter(col("order") < 10)
    assert plan.write(tmp_path / "out").run().rows == 10
    with pytest.raises(DataError, match="has Parquet files already"):
        plan.write(tmp_path / "out").run()
    assert plan.filter(col("order") < 5).write(str(tmp_path / "out"), replace=True).run().rows == 5
    assert whole(tmp_path / "out").num_rows == 5


def test_old_files_stay_until_the_new_ones_are_whole(files, tmp_path):
    out = tmp_path / "out"
    Plan.of(files).filter(col("order") < 10).write(out).run()

    def broken(rows):
        if pc.max(rows["order"]).as_py() >= 200:
            raise ValueError("later")
        return rows

    with pytest.raises(DataError, match="later"):
        Plan.of(files).map(broken).write(out, replace=True).run()
    assert whole(out).num_rows == Plan.of(out).run().rows == 10
    with pytest.raises(DataError, match="later"):
        Plan.of(files).map(broken).write(tmp_path / "new").run()
    with pytest.raises(DataError, match="No Parquet file"):
        Plan.of(tmp_path / "new")


def test_a_folder_may_be_changed_in_place(files):
    kept = whole(files).slice(6)
    assert Plan.of(files).filter(col("order") > 5).write(files, replace=True).run().rows == 294
    assert whole(files).equals(kept)
    assert not (files / ".parts").exists()


@pytest.mark.parametrize("moved", [0, 1, 3])
def test_files_that_were_half_moved_when_the_power_went_are_all_there_for_whoever_comes_next(files, tmp_path, moved):
    out = tmp_path / "out"
    Plan.of(files).filter(col("order") < 10).write(out).run()
    (out / "part-00007.parquet").write_bytes((out / "part-00000.parquet").read_bytes())
    plan = Plan.of(files).filter(col("order") >= 10).write(out, replace=True)

    class Dies(FolderSink):
        def finish(self, written, note, run):
            names = [str(each["file"]) for each in written]
            (self.folder / ".parts" / "moves.json").write_text(json.dumps(names))
            for name in names[:moved]:
                (self.folder / ".parts" / "rows" / name).replace(self.folder / name)
            raise StoreError("gone", remedy="")

    with pytest.raises(StoreError, match="gone"):
        replace(plan, sink=Dies(out, replace=True)).run()

    assert Plan.of(out / "*.parquet").run().rows == 290
    assert whole(out).equals(whole(files).slice(10))
    assert plan.run().rows == 290
    assert whole(out).equals(whole(files).slice(10))


LIMIT = 5


def helper(rows):
    return rows["price"] if rows.num_rows > LIMIT else rows["order"]


class Helper:
    def made(self, rows):
        return rows["price"]


def of_a_function(rows):
    return helper(rows)


def of_a_class(rows):
    return next(Helper().made(rows) for _ in range(1))


@pytest.mark.parametrize(
    ("function", "name", "other"),
    [
        (of_a_function, "LIMIT", 7),
        (of_a_function, "helper", lambda rows: rows["order"]),
        (of_a_class, "Helper", type("Helper", (), {"made": lambda self, rows: rows["order"]})),
    ],
)
def test_a_function_is_known_by_what_it_names(files, monkeypatch, function, name, other):
    def told():
        return plan_digest(Plan.of(files).derive(x=function))

    before = told()
    assert told() == before
    with monkeypatch.context() as changed:
        changed.setitem(globals(), name, other)
        assert told() != before
    assert told() == before


def test_a_function_is_known_by_the_modules_of_yours_that_it_names(files, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    told = []
    for factor in (2, 3):
        (tmp_path / "mine_of_plans.py").write_text(f"def times(rows):\n    return rows['price'] * {factor}\n")
        sys.modules.pop("mine_of_plans", None)
        importlib.invalidate_caches()
        names = {"mine": importlib.import_module("mine_of_plans"), "__name__": "__main__"}
        exec("def made(rows):\n    return mine.times(rows)", names)
        told.append(plan_digest(Plan.of(files).derive(x=names["made"])))
    assert told[0] != told[1]


def test_a_function_that_was_mended_is_not_mixed_with_what_it_did_before(files, tmp_path, monkeypatch):
    def slips(rows):
        if pc.max(rows["order"]).as_py() >= 200:
            raise ValueError("slipped")
        return rows["order"]

    monkeypatch.setitem(globals(), "helper", slips)
    plan = Plan.of(files).derive(x=of_a_function).write(tmp_path / "out")
    with pytest.raises(DataError, match="slipped"):
        plan.run(cpus=1)
    monkeypatch.setitem(globals(), "helper", lambda rows: pc.multiply(rows["order"], 1000))
    again = plan.run()
    assert again.resumed == 0
    assert whole(tmp_path / "out")["x"].to_pylist() == [1000 * order for order in range(300)]


def test_a_folder_that_cannot_be_made_is_told(files, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        Plan.of(files).write(tmp_path / "file" / "out").run()


def test_files_of_other_columns_are_refused_by_name(files):
    pq.write_table(orders(0, 5).drop_columns("price"), files / "orders-9.parquet")
    with pytest.raises(DataError, match=r"orders-9\.parquet has other columns.*price"):
        Plan.of(files).run()


def test_files_of_another_order_of_columns_are_refused(files):
    pq.write_table(orders(0, 5).select(["price", "order", "shop"]), files / "orders-9.parquet")
    with pytest.raises(DataError, match="their order differs"):
        Plan.of(files).run()


def test_a_file_that_is_not_parquet_is_named(tmp_path):
    path = tmp_path / "x.parquet"
    path.write_text("no")
    with pytest.raises(DataError, match=r"x\.parquet cannot be read as Parquet"):
        Plan.of(path).run()


def test_row_groups_of_a_large_file_are_shared_out(files, monkeypatch):
    monkeypatch.setattr(parts_of, "LEAST_ROWS", 80)
    found = Plan.of(files / "orders-0.parquet").source.parts()
    assert [part.groups for part in found] == [(0, 1), (2,)]
    assert [part.rows for part in found] == [80, 20]
    assert Plan.of(files / "orders-0.parquet").run().parts == 2


def test_a_plan_survives_pickling(files, tmp_path):
    plan = pickle.loads(pickle.dumps(taxed(files).write(tmp_path / "out").aggregate([], rows="count")))
    assert plan.run().groups["rows"].to_pylist() == [whole(tmp_path / "out").num_rows]
    assert str(plan).endswith("aggregate by nothing")


def test_a_plan_without_rows_makes_no_files_and_no_groups(files, tmp_path):
    result = Plan.of(files).filter(col("order") < 0).write(tmp_path / "out").aggregate(["shop"], rows="count").run()
    assert (result.rows, result.files, result.groups) == (0, (), None)


def test_ray_is_not_insisted_on_where_there_is_none(files):
    with pytest.raises(UnavailableError, match="on no Ray"):
        Plan.of(files).run("ray")
