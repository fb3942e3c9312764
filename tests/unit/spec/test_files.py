"""What a project file says about other files."""

import pytest

from mlray.spec import read_spec


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("features: features.py", "features: featurs.py", "2: features: there is no file 'featurs.py'; the closest is"),
        (
            "source: orders-*.csv",
            "source: order-*.csv",
            "4: data.source: no file matches 'order-*.csv'; the closest is",
        ),
        (
            "source: orders-*.csv",
            "source: raw/orders-*.csv",
            "4: data.source: no file matches 'raw/orders-*.csv'; there is",
        ),
        ("source: orders-*.csv", "source: '*/orders-*.csv'", "4: data.source: no file matches '*/orders-*.csv'"),
        ("source: orders-*.csv", "source: features.*", "4: data.source: 'features.py' is neither Parquet nor CSV"),
        ("source: orders-*.csv", "source: ''", "4: data.source: no file matches ''"),
        (
            "source: weather.csv",
            "source: wether.csv",
            "14: data.lookups.weather.source: no file matches 'wether.csv'; the",
        ),
        (
            "files: orders-1.*",
            "files: orders-3.*",
            "16: data.mappings[0].files: no source file is named 'orders-3.*'; the",
        ),
        ("files: orders-1.*", "files: zzz", "16: data.mappings[0].files: no source file is named 'zzz'"),
        ("costs: {", "costs: {prices: books/aws.yaml, ", "21: costs.prices: there is no price book 'books/aws.yaml';"),
        ("costs: {", "costs: {prices: qqqq.yaml, ", "21: costs.prices: there is no price book 'qqqq.yaml';"),
    ],
)
def test_a_file_that_is_not_there_is_told_with_the_closest(faults, old, new, fault):
    found = faults((old, new))

    assert found[0].startswith(fault)


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("def feature(rows): ...", "'features.py' has no function `features(rows)`; it has feature"),
        ("x = 1", "'features.py' has no function `features(rows)`"),
        ("def features(rows):\n  return (", "features.py:2: cannot be read as Python"),
        ("x = '\0'", "features.py:1: cannot be read as Python"),
    ],
)
def test_a_feature_file_without_its_function_is_told(write, faults, tmp_path, code, fault):
    write()
    (tmp_path / "features.py").write_text(code, encoding="utf-8")

    (found,) = faults()

    assert found.startswith(f"2: features: {fault}")


def test_without_a_feature_file_the_columns_are_used_as_they_are(write):
    assert read_spec(write(("features: features.py\n", ""))).features is None


def test_a_source_elsewhere_is_not_looked_for_on_this_machine(write):
    spec = read_spec(write(("source: orders-*.csv", "source: s3://bucket/orders-*.csv")))

    assert spec.data.source.startswith("s3://")


def test_a_source_may_be_named_from_the_root(write, tmp_path):
    assert read_spec(write(("source: orders-*.csv", f"source: {tmp_path}/orders-*.csv"))).data.source.startswith("/")


def test_a_price_book_may_lie_beside_the_project(write, tmp_path):
    (tmp_path / "ours.yaml").write_text("currency: USD", encoding="utf-8")

    assert read_spec(write(("costs: {", "costs: {prices: ours.yaml, "))).costs.prices == "ours.yaml"
