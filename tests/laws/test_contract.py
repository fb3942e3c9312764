"""Contracts: one meaning for a file, a batch and a request, in any source's words; written and read alike."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from mlray.clock import parse_duration
from mlray.data import Contract
from mlray.data._zones import AMBIGUOUS, SKIPPED, from_local
from mlray.errors import RequestError
from mlray.spec import Data, contract_text, parse_contract

ZONES = ("America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia")
DATA = Data.model_validate(
    {
        "source": "orders-*.csv",
        "time": "at",
        "columns": {
            "at": "timestamp",
            "order": {"type": "integer", "min": 1, "max": 5},
            "shop": {"type": "string", "allowed": ["north", "south"], "nullable": True},
            "weight": {"type": "number", "unit": "kilogram", "nullable": True, "min": 0, "max": 100},
            "late": {"type": "number", "nullable": True, "known": "later"},
        },
        "mappings": [
            {
                "files": "*-old.csv",
                "rename": {"when": "at", "pounds": "weight"},
                "units": {"weight": "pound"},
                "values": {"shop": {"N": "north", "S": "south"}},
                "decimal": ",",
                "zone": "Europe/Berlin",
                "formats": {"at": "%d.%m.%Y %H:%M"},
            }
        ],
        "target": {"name": "is_late", "column": "late"},
    }
)
CONTRACT = Contract.compile(DATA)
OLD = "orders-old.csv"

# Around the two nights of 2013 in which Berlin's clocks were changed.
minutes = st.integers(0, 3 * 24 * 60).map(lambda minute: timedelta(minutes=minute))
nights = st.sampled_from([datetime(2013, 3, 30, tzinfo=UTC), datetime(2013, 10, 26, tzinfo=UTC)])
times = st.builds(lambda night, later: night + later, nights, minutes)
wall = times.map(lambda time: time.strftime("%d.%m.%Y %H:%M")) | st.sampled_from(
    ["31.02.2013 10:00", "soon", "1.4.2013 9:05"]
)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "when": st.none() | wall,
            "order": st.none() | st.integers(-1, 7).map(str) | st.sampled_from(["3,0", "2,5", "1e0", "x"]),
            "shop": st.none() | st.sampled_from(["N", "S", "?", "north", "east"]),
            "pounds": st.none() | st.floats(-5, 300).map(lambda value: f"{value:.2f}".replace(".", ",")) | st.just("1.000,5"),
        }
    ),
    min_size=1,
    max_size=8,
)  # fmt: skip


def table(found):
    return pa.table(
        {name: pa.array([row[name] for row in found], pa.string()) for name in found[0]}
        | {"late": pa.nulls(len(found))}
    )


def accepted(found):
    try:
        return CONTRACT.check_request({name: [row[name] for row in found] for name in found[0]}, source=OLD)
    except RequestError:
        return None


@settings(max_examples=60)
@given(found=rows, cut=st.integers(0, 8))
def test_a_file_a_batch_and_a_request_in_a_source_s_words_give_the_same_answer(found, cut):
    whole = CONTRACT.apply(table(found), OLD)
    kept = whole.table.select(CONTRACT.request_columns)
    alone = [one for row in found if (one := accepted([row])) is not None]
    assert kept.to_pylist() == [row for one in alone for row in one.to_pylist()]
    together = accepted(found)
    assert (together is not None) == (kept.num_rows == len(found))
    parts = [CONTRACT.apply(part, OLD) for part in (table(found).slice(0, cut), table(found).slice(cut))]
    assert pa.concat_tables(part.table for part in parts).equals(whole.table)
    for name in whole.mapped:
        assert sum(part.mapped.get(name, 0) for part in parts) == whole.mapped[name]


@given(
    zone=st.sampled_from(ZONES),
    found=st.lists(st.datetimes(datetime(1905, 1, 1), datetime(2090, 1, 1)), min_size=1, max_size=30),  # noqa: DTZ001
    near=st.lists(st.integers(0, 3 * 366 * 24 * 4), max_size=30),
)
def test_wall_clocks_are_read_as_the_zone_s_rules_say(zone, found, near):
    walls = [*found, *(datetime(2011, 1, 1) + timedelta(minutes=15 * quarter) for quarter in near)]  # noqa: DTZ001
    made, odd = from_local(pa.array(walls, pa.timestamp("us")), zone)
    said = {what: mask.to_pylist() for what, mask in odd}
    none = [False] * len(walls)
    info = ZoneInfo(zone)
    for place, one in enumerate(walls):
        early, late = (one.replace(tzinfo=info, fold=fold).astimezone(UTC) for fold in (0, 1))
        marks = (said.get(SKIPPED, none)[place], said.get(AMBIGUOUS, none)[place])
        if early == late:
            assert (made[place].as_py(), marks) == (early, (False, False))
        else:
            there = early.astimezone(info).replace(tzinfo=None) == one
            assert (made[place].as_py(), marks) == (None, (not there, there))


words = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8)
names = st.lists(words, min_size=1, max_size=5, unique=True)


@st.composite
def contracts(draw):
    columns: dict[str, dict] = {
        "at": {"type": "timestamp"},
        "y": {"type": "boolean", "known": "later", "nullable": True},
    }
    for name in draw(names):
        kind = draw(st.sampled_from(["integer", "number", "string", "boolean", "timestamp"]))
        column = {"type": kind, "nullable": draw(st.booleans()), "description": draw(st.just("") | words)}
        if kind in ("integer", "number") and draw(st.booleans()):
            column |= {"min": draw(st.integers(-9, 0)), "max": draw(st.floats(1, 9)), "unit": draw(st.none() | words)}
        if kind == "string" and draw(st.booleans()):
            column["allowed"] = tuple(
                draw(st.lists(words | st.sampled_from(["1e5", "no", "null", "0x1", ".5"]), min_size=1, unique=True))
            )
        columns.setdefault(name, column)
    key = tuple(name for name in columns if name != "y" and not columns[name].get("nullable") and draw(st.booleans()))
    mapping = {"files": draw(words), "rename": {draw(words): "at"}, "zone": draw(st.none() | st.sampled_from(ZONES))}
    return Data.model_validate(
        {
            "source": "*",
            "time": "at",
            "key": key,
            "columns": columns,
            "mappings": (mapping,),
            "target": {"name": "y", "column": "y"},
            "owner": draw(st.just("") | words),
            "freshness": draw(st.none() | st.sampled_from(["1 day", "90 minutes", "3 days", "45 seconds"])),
        }
    )


@settings(max_examples=40)
@given(data=contracts())
def test_a_contract_that_is_written_reads_as_the_same_terms(data):
    read = parse_contract(contract_text(data, target=True), "x").data
    assert read.model_copy(update={"freshness": None}) == data.model_copy(update={"freshness": None})
    assert (read.freshness is None) == (data.freshness is None)
    if data.freshness is not None and read.freshness is not None:
        assert parse_duration(read.freshness) == parse_duration(data.freshness)
