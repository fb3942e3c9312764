"""`mlray check`: all problems at once, those of the stages as well."""

import json
from pathlib import Path
from textwrap import indent

GUIDE = Path(__file__).parents[3] / "docs" / "data" / "README.md"


def broken(shop, *changes):
    file = shop / "mlray.yaml"
    text = file.read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    return file


def test_a_good_project_is_shown_in_short(mlray, shop):
    result = mlray("check", shop, "--json")

    facts = json.loads(result.stdout)
    assert (result.exit_code, facts["ok"], facts["project"]) == (0, True, "shop")
    assert facts["target"] == "returned: returned above 0.5"
    assert facts["asked of a request"][0] == "ordered_at"


def test_the_folder_one_is_in_is_the_default(mlray, shop, monkeypatch):
    monkeypatch.chdir(shop)

    assert "Nothing is wrong." in mlray("check").stdout


def test_the_problems_of_file_trainers_data_prices_and_code_come_together(mlray, shop):
    file = broken(
        shop,
        ("kind: string", "kid: string"),
        ("{xgboost: {}", "{xgbost: {}"),
        ("  trials: 8", "  trails: 8"),
        ("costs:", "costs:\n  node: laptp"),
    )
    (shop / "features.py").write_text("import nothing_like_it\ndef features(rows): return rows\n", encoding="utf-8")

    result = mlray("check", shop)

    assert result.exit_code == 2
    told = [line.removeprefix(f"{file}:") for line in result.stderr.splitlines()]
    assert [line.split(":")[1].split(" is ")[0].strip() for line in told] == [
        "features.py",
        "data.columns.kid",
        "model.trainers",
        "unknown key 'trails' in model; did you mean 'trials'?",
        "costs.prices",
    ]
    assert "orders.csv has no column 'kid'; did you mean 'kind'?" in told[1]
    assert "xgboost" in told[2]
    assert "laptp" in told[4]


def test_with_json_the_problems_are_a_list(mlray, shop):
    broken(shop, ("  trials: 8", "  trials: 0"))

    result = mlray("check", shop, "--json")

    assert result.exit_code == 2
    told = json.loads(result.stdout)
    assert (told["error"], len(told["problems"])) == ("SpecError", 1)
    assert "model.trials is 0" in told["problems"][0]


def test_a_column_that_some_files_lack_is_told_with_the_file_and_after_mappings(mlray, shop):
    (shop / "data" / "orders-2.csv").write_text("ordered_at,order_id,canal,kind\n", encoding="utf-8")
    broken(
        shop,
        ("data/orders.csv", "data/orders*.csv"),
        ("  target:", "  mappings: [{files: orders-2.*, rename: {canal: channel}}]\n  target:"),
    )

    told = mlray("check", shop).stderr

    assert "data.columns.channel" not in told
    assert "data.columns.price: orders-2.csv has no column 'price' (1 of 2 files)" in told


def test_a_lookup_s_columns_and_keys_are_looked_for_too(mlray, shop):
    (shop / "data" / "prices.csv").write_text("kind,usal\n", encoding="utf-8")
    lookup = "  lookups: {usual: {source: data/prices.csv, on: [kind, channel], columns: {usual: number}}}\n  target:"
    broken(shop, ("  target:", lookup))

    told = mlray("check", shop).stderr

    assert "data.lookups.usual.on: prices.csv has no column 'channel'" in told
    assert "data.lookups.usual.columns.usual: prices.csv has no column 'usual'; did you mean 'usal'?" in told


def test_a_file_that_cannot_be_read_is_told(mlray, shop):
    (shop / "data" / "orders-2.parquet").write_bytes(b"PAR1 and no more")
    broken(shop, ("data/orders.csv", "data/orders*"))

    told = mlray("check", shop).stderr

    assert "data.source: " in told
    assert "orders-2.parquet" in told


def test_a_unit_that_is_unknown_is_told_with_the_data(mlray, shop):
    broken(
        shop,
        ("price: number", "price: {type: number, unit: kilogram}"),
        ("  target:", "  mappings: [{files: orders.*, units: {price: gramm}}]\n  target:"),
    )

    told = mlray("check", shop).stderr

    assert "gramm" in told
    assert "gram" in told


def test_a_source_elsewhere_is_not_opened(mlray, shop):
    broken(shop, ("data/orders.csv", "s3://nowhere/orders.csv"))

    assert mlray("check", shop).exit_code == 0


def test_a_project_without_a_feature_file_is_right(mlray, shop):
    broken(shop, ("features: features.py\n", ""))

    assert mlray("check", shop).exit_code == 0


LEGACY = """\
project: legacy
data:
  source: "*.csv"
  time: at
  columns:
    at: timestamp
    amount: {type: number, known: later}
    weight: {type: number, unit: kilogram}
    shop: {type: string, allowed: [north, south]}
  target: {name: dear, column: amount, above: 5}
  mappings:
"""


def test_a_file_is_read_in_the_separator_and_character_set_of_its_mapping(mlray, tmp_path):
    text = GUIDE.read_text(encoding="utf-8")
    mapping = text[text.index("- files: legacy-*.csv") :].partition("```")[0]
    (tmp_path / "mlray.yaml").write_text(
        LEGACY + indent(mapping, "  ") + "model: {trainers: {xgboost: {}}}\n", encoding="utf-8"
    )
    lines = "größe;wann;betrag;weight;shop\n1;31.12.2023 10:00;9,5;1,0;N\n2;01.01.2024 11:00;20,25;2,0;S\n"
    (tmp_path / "legacy-1.csv").write_bytes(lines.encode("cp1252"))
    (tmp_path / "new.csv").write_text("at,amount,weight,shop\n2024-01-02T00:00:00,7.0,3.0,north\n", encoding="utf-8")

    checked = mlray("check", tmp_path)
    told = mlray("ingest", tmp_path)

    assert checked.exit_code == 0, checked.stderr
    assert told.stdout.startswith("rows@v1: 3 rows"), told.output
    (tmp_path / "legacy-2.csv").write_bytes(lines.replace("betrag", "Betrag").encode("cp1252"))
    lacking = mlray("check", tmp_path).stderr
    assert "legacy-2.csv has no column 'amount' (1 of 3 files); known: größe, Betrag" in lacking
