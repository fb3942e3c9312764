"""`mlray init`: a project that is right at once, and nothing overwritten."""

import csv
from datetime import datetime, timedelta
from pathlib import Path

import jsonschema
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from mlray.cli._sample import sample
from mlray.data import Contract
from mlray.data.sources import columns_of, find, read
from mlray.features import FeaturePlan
from mlray.spec import SCHEMA, json_schema, read_spec
from mlray.spec._yaml import read_yaml


def table(rows: int = 200, **columns: list) -> pa.Table:
    start = datetime(2024, 1, 1)  # noqa: DTZ001 (a file's times often have no zone)
    times = [start + timedelta(days=n * 120 // rows, minutes=n) for n in range(rows)]
    return pa.table({"seen": times, "size": [n % 7 for n in range(rows)], **columns})


def written(folder: Path, found: pa.Table, name: str = "rows.parquet") -> Path:
    file = folder / name
    pq.write_table(found, file)
    return file


def test_the_example_is_right_at_once(mlray, shop):
    result = mlray("check", shop)

    assert result.exit_code == 0, result.stderr
    spec = read_spec(shop)
    assert spec.project == "shop"
    assert spec.live is not None
    assert spec.data.target.column == "returned"
    assert list(spec.data.request_columns) == [
        "ordered_at", "channel", "kind", "price", "discount", "items", "delivery_days"
    ]  # fmt: skip


def test_the_file_is_short_and_valid_by_the_schema_that_it_names(shop):
    text = (shop / "mlray.yaml").read_text(encoding="utf-8")

    assert len(text.splitlines()) <= 40
    jsonschema.validate(read_yaml(text).value, json_schema())
    named = text.splitlines()[0].partition("$schema=")[2]
    assert (shop / named).resolve() == SCHEMA.resolve()


def test_the_schema_is_named_from_the_project_where_both_lie_together(mlray, tmp_path, monkeypatch):
    beside = tmp_path / "venv" / "mlray.schema.json"
    beside.parent.mkdir()
    beside.write_bytes(SCHEMA.read_bytes())
    monkeypatch.setattr("mlray.cli._scaffold.SCHEMA", beside)

    mlray("init", tmp_path / "p")

    first = (tmp_path / "p" / "mlray.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=../venv/mlray.schema.json"


def test_the_workspace_is_kept_out_of_git(shop):
    assert ".mlray/" in (shop / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_nothing_is_overwritten(mlray, shop):
    before = {path: path.read_bytes() for path in shop.rglob("*") if path.is_file()}

    result = mlray("init", shop)

    assert result.exit_code == 2
    assert "mlray.yaml" in result.stderr
    assert "Nothing was written" in result.stderr
    assert before == {path: path.read_bytes() for path in shop.rglob("*") if path.is_file()}


def test_a_gitignore_that_is_there_is_left_alone(mlray, tmp_path):
    (tmp_path / ".gitignore").write_text("mine\n", encoding="utf-8")

    assert mlray("init", tmp_path).exit_code == 0
    assert (tmp_path / ".gitignore").read_text(encoding="utf-8") == "mine\n"


def test_a_feature_file_that_is_there_is_not_replaced(mlray, tmp_path):
    (tmp_path / "features.py").write_text("mine", encoding="utf-8")

    result = mlray("init", tmp_path)

    assert result.exit_code == 2
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("name", ["rows.parquet", "rows.csv"])
def test_a_table_of_one_s_own_is_understood(mlray, tmp_path, name):
    found = table(
        customer=[f"c{n}" for n in range(200)],
        city=["Ulm", "Köln", None, "Bonn"] * 50,
        price=[n * 1.5 for n in range(200)],
        nested=pa.array([[1]] * 200) if name.endswith("parquet") else ["x"] * 200,
        empty=pa.nulls(200, pa.string()),
        churned=[n % 3 == 0 for n in range(200)],
    )
    file = tmp_path / name
    if name.endswith("parquet"):
        pq.write_table(found, file)
    else:
        with file.open("w", encoding="utf-8") as out:
            rows = csv.writer(out)
            rows.writerow(found.column_names)
            rows.writerows(zip(*(column.to_pylist() for column in found.columns), strict=True))

    made = mlray("init", tmp_path / "p", "--data", file)
    checked = mlray("check", tmp_path / "p")

    assert made.exit_code == 0, made.stderr
    assert checked.exit_code == 0, checked.stderr
    columns = read_spec(tmp_path / "p").data.columns
    assert {name: column.type for name, column in columns.items() if name not in ("nested", "empty")} == {
        "seen": "timestamp",
        "size": "integer",
        "customer": "string",
        "city": "string",
        "price": "number",
        "churned": "boolean",
    }
    assert columns["city"].nullable
    assert columns["customer"].known == "later"
    assert "empty" not in columns


def test_the_features_that_are_written_can_be_fitted(shop):
    spec = read_spec(shop)
    rows = pa.csv.read_csv(shop / "data" / "orders.csv")

    fitted = FeaturePlan.from_file(shop / "features.py").fit(rows.slice(0, 300), tuple(spec.data.request_columns))

    assert fitted.names == ("channel", "kind", "price", "discount", "items", "delivery_days", "hour", "weekday")


def test_a_pattern_of_files_is_one_table(mlray, tmp_path):
    written(tmp_path, table(y=[0, 1] * 100), "a-1.parquet")
    written(tmp_path, table(y=[1, 0] * 100), "a-2.parquet")

    result = mlray("init", tmp_path / "p", "--data", tmp_path / "a-*.parquet")

    assert result.exit_code == 0, result.stderr
    assert "400 rows" in result.stdout
    assert read_spec(tmp_path / "p").data.source == "../a-*.parquet"


def test_a_number_as_target_is_cut_at_its_median(mlray, tmp_path):
    file = written(tmp_path, table(delay=[float(n) for n in range(200)]))

    assert mlray("init", tmp_path / "p", "--data", file, "--target", "delay").exit_code == 0
    spec = read_spec(tmp_path / "p")
    assert spec.data.target.above == pytest.approx(99.5, abs=2)
    assert spec.question == f"Will delay be more than {spec.data.target.above:g}?"
    assert "say what counts" in (tmp_path / "p" / "mlray.yaml").read_text(encoding="utf-8")


def test_noughts_and_ones_are_no_and_yes(mlray, tmp_path):
    file = written(tmp_path, table(left=[*[None] * 8, *[0, 0, 1] * 64]))

    assert mlray("init", tmp_path / "p", "--data", file, "--target", "left").exit_code == 0
    spec = read_spec(tmp_path / "p")
    assert (spec.data.target.above, spec.question) == (0.5, "Will left be true?")
    assert "rows without it are set aside" in (tmp_path / "p" / "mlray.yaml").read_text(encoding="utf-8")


def test_a_short_past_is_history_only(mlray, tmp_path):
    start = datetime(2024, 1, 1)  # noqa: DTZ001
    found = pa.table({"at": [start + timedelta(hours=n) for n in range(100)], "y": [0, 1] * 50})

    assert mlray("init", tmp_path / "p", "--data", written(tmp_path, found)).exit_code == 0
    spec = read_spec(tmp_path / "p")
    assert spec.live is None
    assert (spec.model.window, spec.model.holdout) == ("5 days", "1 days")


def test_a_wide_table_still_fits_on_a_screen(mlray, tmp_path):
    wide = {f"measure number {n}": [float(n)] * 200 for n in range(60)}
    file = written(tmp_path, table(y=[True, False] * 100, **wide))

    assert mlray("init", tmp_path / "p", "--data", file).exit_code == 0
    assert len((tmp_path / "p" / "mlray.yaml").read_text(encoding="utf-8").splitlines()) <= 50
    assert len(read_spec(tmp_path / "p").data.columns) == 63


@pytest.mark.parametrize("name", ["on", "NO", "9E", "a: b", 'say "hi"', "#x", "größe", "true", "a-b"])
def test_odd_column_names_are_written_so_that_they_are_read_back(mlray, tmp_path, name):
    file = written(tmp_path, table(**{name: ["x", "y"] * 100, "y": [0, 1] * 100}))

    assert mlray("init", tmp_path / "p", "--data", file).exit_code == 0
    assert name in read_spec(tmp_path / "p").data.columns
    assert mlray("check", tmp_path / "p").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "problem", "remedy"),
    [
        (["--data", "{}/gone.csv"], "No file matches", ""),
        (["--data", "{}/rows.txt"], "neither Parquet nor CSV", ""),
        (["--data", "{}/broken.parquet"], "cannot be read", ""),
        (["--data", "{}/empty.parquet"], "has no rows", ""),
        (["--data", "{}/rows.parquet"], "Which column is to be predicted?", "size"),
        (["--data", "{}/rows.parquet", "--target", "sise"], "there is no column 'sise'", "Did you mean 'size'?"),
        (["--data", "{}/rows.parquet", "--target", "name"], "cannot be predicted: it is a string", "true or false"),
        (["--data", "{}/rows.parquet", "--target", "same"], "cannot be predicted: it has only one value", ""),
        (["--data", "{}/rows.parquet", "--target", "size", "--time", "size"], "cannot be the event time: it is a", ""),
        (["--data", "{}/rows.parquet", "--target", "size", "--time", "gap"], "1 of its values are missing", ""),
        (["--data", "{}/timeless.parquet", "--target", "n"], "No column holds a time", "--time"),
        (["--target", "size"], "speak of --data", "--data"),
    ],
)
def test_what_cannot_be_understood_is_told_and_nothing_is_written(mlray, tmp_path, arguments, problem, remedy):
    start = datetime(2024, 1, 1)  # noqa: DTZ001
    gap = [None, *[start] * 199]
    written(tmp_path, table(name=["x", "y"] * 100, same=[1] * 200, gap=gap))
    written(tmp_path, table().slice(0, 0), "empty.parquet")
    written(tmp_path, pa.table({"n": [0, 1]}), "timeless.parquet")
    (tmp_path / "rows.txt").write_text("x", encoding="utf-8")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")

    result = mlray("init", tmp_path / "p", *(argument.format(tmp_path) for argument in arguments))

    assert result.exit_code == 2
    assert problem in result.stderr
    assert remedy in result.stderr
    assert not (tmp_path / "p").exists()


def test_the_example_is_the_same_every_time():
    assert sample() == sample()
    assert sample(1) != sample(2)
    assert 5_000 < len(sample().splitlines()) < 10_000


DAYS = [f"2024-01-{day:02d}" for day in range(1, 29)]


def rows_of(delimiter=",", when=DAYS, yes="yes", no="no", point="."):
    odd = (f"{day * 1.5:.1f}".replace(".", point) for day in range(28))
    return "".join(
        f"{at}{delimiter}{number}{delimiter}{(yes, no)[number % 2]}{delimiter}{price}\n"
        for number, (at, price) in enumerate(zip(when, odd, strict=True))
    )


@pytest.mark.parametrize(
    ("content", "told", "source"),
    [
        (("Zeit,Größe,y,p\n" + rows_of()).encode("cp1252"), "read as cp1252", {"encoding": "cp1252"}),
        (("at,a,y,p\n" + rows_of(yes="né")).encode("cp1252"), "read as cp1252", {"encoding": "cp1252"}),
        (("at;a;y;p\n" + rows_of(";")).encode(), "divided by ';'", {"delimiter": ";"}),
        (("at;a;y;p\n" + rows_of(";", point=",")).encode(), "decimal sign", {"delimiter": ";"}),
        (("at\ta\ty\tp\n" + rows_of("\t")).encode("utf-16"), "read as utf-16", {"delimiter": "\t", "encoding": "utf-16"}),
        (("at,a,y,p\n" + rows_of()).encode("utf-32"), "read as utf-32", {"encoding": "utf-32"}),
        (("at,a,y,p\n" + rows_of()).encode("utf-8-sig"), "", {}),
        (("at,a,y,p\n" + rows_of(when=[f"{day:02d}.01.2024" for day in range(1, 29)])).encode(), "read as %d.%m.%Y", {}),
        (("at,a,y,p\n" + rows_of(yes="Ja", no="Nein")).encode(), "Ja is true, Nein is false", {}),
    ],
    ids=["a Latin-1 header", "Latin-1 values", "semicolons", "decimal commas", "UTF-16", "UTF-32", "a mark", "other dates", "yes or no"],
)  # fmt: skip
def test_tables_as_people_save_them_make_projects_that_are_right(mlray, tmp_path, content, told, source):
    file = tmp_path / "rows.csv"
    file.write_bytes(content)
    target = "p" if "né".encode("cp1252") in content else "y"

    made = mlray("init", tmp_path / "p", "--data", file, "--target", target)
    checked = mlray("check", tmp_path / "p")

    assert made.exit_code == 0, made.stderr
    assert told in made.stdout
    assert checked.exit_code == 0, checked.stderr
    data = read_spec(tmp_path / "p").data
    assert {name: getattr(data.origin, name) for name in source} == source
    (raw,) = find(data.origin, tmp_path / "p")
    kept = Contract.compile(data).apply(read(raw, columns_of(raw)).table, raw.name)
    assert kept.reasons == {}
    assert kept.table.num_rows == 28


@pytest.mark.parametrize(
    ("content", "problem", "remedy"),
    [
        (b"", "is empty", "The first line names the columns"),
        (b"  \n", "is empty", "The first line names the columns"),
        (b"at,a,y\n", "has no rows", "a header is not enough"),
        (b"at,a,a\n2024-01-01,1,2\n", "has the column 'a' twice", "Rename or remove one"),
        (b"at,a\0,y\n1,2,3\n", "is not text", "UTF-8"),
        (b"at,a,y\n2024-01-01,1\n2024-01-02,1,2\n", "cannot be read", "every line the same number of values"),
    ],
)
def test_a_csv_that_cannot_be_read_is_told_with_what_helps(mlray, tmp_path, content, problem, remedy):
    (tmp_path / "rows.csv").write_bytes(content)

    result = mlray("init", tmp_path / "p", "--data", tmp_path / "rows.csv")

    assert result.exit_code == 2
    assert problem in result.stderr
    assert remedy in result.stderr


def test_files_that_do_not_go_together_are_told(mlray, tmp_path):
    written(tmp_path, table(a=[1] * 200), "a-1.parquet")
    written(tmp_path, table(a=["x"] * 200), "a-2.parquet")
    pq.write_table(pa.table([[1], [2]], names=["a", "a"]), tmp_path / "twice.parquet")

    apart = mlray("init", tmp_path / "p", "--data", tmp_path / "a-*.parquet")
    twice = mlray("init", tmp_path / "p", "--data", tmp_path / "twice.parquet")

    assert (apart.exit_code, twice.exit_code) == (2, 2)
    assert "do not have the same columns" in apart.stderr
    assert "has the column 'a' twice" in twice.stderr


@pytest.mark.parametrize("below", ["", "deep/er"])
def test_a_file_in_place_of_the_folder_is_told(mlray, tmp_path, below):
    (tmp_path / "taken").write_text("x", encoding="utf-8")

    result = mlray("init", tmp_path / "taken" / below)

    assert result.exit_code == 2
    assert "taken is a file, not a folder" in result.stderr
