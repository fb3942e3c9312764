from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from mlray.errors import NotFoundError
from mlray.records import DatasetVersion, Experiment, Fragment, ModelVersion, Quality, Scorecard, Trial
from mlray.registry.lineage import LEARNT_SINCE, Facts, Lineage, Read, Release, Trace

DAY = timedelta(days=1)
START = datetime(2024, 1, 1, tzinfo=UTC)
TRIAL = Trial(0, "xgboost", {}, 0.7, 10, 1.0, "finished")


def fragment(source, first=0, last=30, rows=100):
    blob = f"{source}-{first}".ljust(64, "0")
    return Fragment(blob, rows, 1_000, source, first=START + first * DAY, last=START + last * DAY)


def dataset(number, *fragments, parents=(), digest=None, table="orders", operation="ingest"):
    return DatasetVersion(
        table=table,
        number=number,
        digest=digest or str(number) * 64,
        parents=parents,
        schema={},
        contract="",
        fragments=fragments,
        rows=sum(one.rows for one in fragments),
        profile="",
        quality=Quality(0, 0),
        cursor="",
        as_of=START + 30 * DAY,
        created_at=START,
        operation=operation,
    )


def experiment(name, version):
    return Experiment(name, version, "auc", (TRIAL,), TRIAL, Decimal(0), 1.0, "all trials done", 0)


def model(number, data, *, since=None, name="shop", sweep=""):
    card = Scorecard({}, {}, None, (), (), 100, START, START)
    traits = {} if since is None else {LEARNT_SINCE: (START + since * DAY).timestamp()}
    return ModelVersion(
        name, number, data.name, data.digest, "", sweep, card, "", f"{number}a" * 32, START, traits=traits
    )


ONE, TWO = dataset(1, fragment("data/a.csv")), dataset(2, fragment("data/a.csv"), fragment("data/b.csv", 30, 60))
FACTS = Facts(
    datasets=[ONE, TWO],
    experiments=[experiment("sweep-1", "orders@v1"), experiment("sweep-2", "orders@v2")],
    models=[model(1, ONE, sweep="sweep-1"), model(2, TWO, sweep="sweep-2")],
    releases=[
        Release("shop", 1, "live", START, START + 5 * DAY),
        Release("shop", 2, "live", START + 5 * DAY),
    ],
)


def traced(asked, facts=FACTS):
    known = Lineage.of(facts)
    return known.trace(known.find(asked))


def names(nodes):
    return [node.name for node in nodes]


def test_the_endpoints_that_learnt_from_rows_of_a_file_are_found():
    found = traced("b.csv")
    assert names(found.downstream) == ["orders@v2", "sweep-2", "shop/v2", "shop"]
    (release,) = [link for link in found.links if link.end == "endpoint:shop"]
    assert (release.how, release.until) == ("live", None)


def test_an_endpoint_leads_back_to_every_file_its_answers_are_owed_to():
    found = traced("shop")
    assert [node.name for node in found.of("source")] == ["data/a.csv", "data/b.csv"]
    assert [node.kind for node in found.asked] == ["endpoint"]
    assert not found.downstream
    assert {link.how for link in found.links if link.end == "endpoint:shop"} == {"live", "was live"}


def test_a_dataset_version_lies_between_its_files_and_its_models():
    found = traced("orders@v1")
    assert names(found.upstream) == ["data/a.csv"]
    assert names(found.downstream) == ["sweep-1", "shop/v1", "shop"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("data/a.csv", ["data/a.csv"]),
        ("a.csv", ["data/a.csv"]),
        ("data/*.csv", ["data/a.csv", "data/b.csv"]),
        ("b*.csv", ["data/b.csv"]),
        ("orders@v2", ["orders@v2"]),
        ("222222", ["orders@v2"]),
        ("shop/v2", ["shop/v2"]),
        ("shop@v2", ["shop/v2"]),
        ("shop v2", ["shop/v2"]),
        ("model:shop/v2", ["shop/v2"]),
        ("endpoint:shop", ["shop"]),
        ("sweep-2", ["sweep-2"]),
    ],
)
def test_people_may_ask_as_they_write(asked, expected):
    assert names(Lineage.of(FACTS).find(asked)) == expected


def test_what_is_not_known_is_answered_with_the_closest():
    with pytest.raises(NotFoundError, match=r"orders@v9") as raised:
        Lineage.of(FACTS).find("orders@v9")
    assert "orders@v" in raised.value.remedy
    with pytest.raises(NotFoundError) as raised:
        Lineage.of(Facts()).find("anything")
    assert "nothing yet" in raised.value.remedy


def test_a_model_that_looked_at_later_rows_only_did_not_learn_from_a_file():
    late = replace(FACTS, models=[model(1, ONE, sweep="sweep-1"), model(2, TWO, since=40, sweep="sweep-2")])
    assert names(traced("a.csv", late).downstream) == ["orders@v1", "orders@v2", "sweep-1", "shop/v1", "shop"]
    assert "shop/v2" in names(traced("b.csv", late).downstream)
    unknown = replace(late, datasets=[ONE, replace(TWO, fragments=(replace(TWO.fragments[0], last=None),))])
    assert "shop/v2" in names(traced("a.csv", unknown).downstream)


def test_an_edit_is_told_from_the_version_it_was_made_from():
    edit = dataset(3, fragment(""), parents=(ONE.digest,), operation="update")
    found = traced("orders@v3", Facts(datasets=[ONE, edit]))
    assert names(found.upstream) == ["data/a.csv", "orders@v1"]
    assert [link.how for link in found.links if link.end.startswith("dataset:orders@v3")] == ["update"]


def test_two_tables_of_one_name_are_told_apart():
    other = dataset(1, fragment("else.csv"), digest="e" * 64)
    facts = Facts(datasets=[ONE, other], models=[model(1, ONE), model(1, other, name="other")])
    assert names(traced("else.csv", facts).downstream) == ["orders@v1", "other/v1"]
    assert names(traced("other/v1", facts).upstream) == ["else.csv", "orders@v1"]


def test_a_model_whose_data_are_not_kept_still_names_them():
    found = traced("shop/v1", Facts(models=[model(1, ONE)]))
    assert [(node.name, node.digest) for node in found.upstream] == [("orders@v1", ONE.digest)]


def test_a_lookup_is_a_source_of_every_version():
    found = traced("weather.csv", replace(FACTS, lookups={"orders": ["data/weather.csv"]}))
    assert names(found.downstream)[:2] == ["orders@v1", "orders@v2"]


def test_an_experiment_is_known_by_the_digest_of_what_it_learnt_from():
    assert [node.digest for node in traced("sweep-2").asked] == [TWO.digest]
    assert names(Lineage.of(FACTS).find(TWO.digest[:8])) == ["orders@v2"]
    other = dataset(1, fragment("else.csv"), digest="e" * 64)
    open_which = Facts(datasets=[ONE, other], experiments=[experiment("sweep-1", "orders@v1")])
    assert [node.digest for node in traced("sweep-1", open_which).asked] == [""]


def test_a_source_is_known_by_the_digest_of_what_was_read():
    later = replace(TWO, created_at=START + DAY)
    read = {
        later.digest: {"data/a.csv": Read("cc" * 16, "90 bytes"), "data/b.csv": Read("dd" * 16)},
        ONE.digest: {"data/a.csv": Read("aa" * 16, "80 bytes")},
    }
    for versions in ([ONE, later], [later, ONE]):
        found = traced("a.csv", Facts(datasets=versions, read=read))
        assert [(node.digest, node.about) for node in found.asked] == [("cc" * 16, "90 bytes")]
        digests = {link.end.split(":")[1]: link.digest for link in found.links}
        assert digests == {"orders@v1": "aa" * 16, "orders@v2": "cc" * 16}
    assert names(Lineage.of(Facts(datasets=[later], read=read)).find("dddddd")) == ["data/b.csv"]


def test_a_trace_goes_to_json_and_back():
    found = traced("shop/v2")
    assert Trace.from_json(found.to_json()) == found


def test_a_merged_fragment_leads_back_to_each_of_its_sources():
    merged = dataset(3, fragment("data/a.csv; data/b.csv"), operation="compact")
    lineage = Lineage.of(Facts(datasets=[merged]))
    for source in ("data/a.csv", "data/b.csv"):
        assert [node.name for node in lineage.trace(lineage.find(source)).downstream] == ["orders@v3"]


def test_rows_that_a_plan_made_lead_back_to_the_table_and_its_sources():
    made = dataset(1, fragment(f"{ONE.name}:{ONE.digest[:16]}"), digest="f" * 64, table="features", operation="plan")
    facts = Facts(datasets=[made, ONE], models=[model(1, made)])
    assert names(traced("a.csv", facts).downstream) == ["orders@v1", "features@v1", "shop/v1"]
    (link,) = [link for link in traced("shop/v1", facts).links if link.end.startswith("dataset:features")]
    assert (link.how, link.rows) == ("made from", 100)
