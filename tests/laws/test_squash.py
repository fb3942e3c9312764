"""Squashing: whatever was edited, a squashed version comes back exactly, or a refusal says what is lost."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from mlray.clock import ManualClock
from mlray.data import Store
from mlray.data.store import Limits, _squash, compact, gc, recover, squash, verify
from mlray.data.store._content import column_digest
from mlray.data.table import Table
from mlray.errors import DataError, MlrayError, RecoveryRefused

NOW = datetime(2030, 1, 1, tzinfo=UTC)
NONE = timedelta(0)
PHASES = [Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink]
KINDS = {"id": pa.int64(), "name": pa.string(), "size": pa.float64(), "at": pa.timestamp("us", "UTC")}

values = st.fixed_dictionaries(
    {
        "name": st.none() | st.sampled_from(["", "a", "b", "ü"]),
        "size": st.none() | st.sampled_from([0.0, -0.0, 1.5, float("nan"), float("inf")]),
        "at": st.none() | st.sampled_from([NOW, NOW + timedelta(hours=1)]),
    }
)
ids = st.lists(st.integers(0, 12), min_size=1, max_size=6, unique=True)
edits = st.one_of(
    st.tuples(st.just("append"), ids, st.lists(values, min_size=6, max_size=6)),
    st.tuples(st.just("upsert"), ids, st.lists(values, min_size=6, max_size=6)),
    st.tuples(st.just("dump"), ids, st.lists(values, min_size=6, max_size=6)),
    st.tuples(st.just("delete"), ids),
    st.tuples(st.just("add"), st.sampled_from(["extra", "name2"])),
    st.tuples(st.just("drop"), st.sampled_from(["name", "size", "extra"])),
    st.tuples(st.just("rename"), st.sampled_from(["name", "size"]), st.sampled_from(["label", "name", "other"])),
    st.tuples(st.just("reorder"), st.booleans()),
    st.tuples(st.just("rollback"), st.integers(1, 6)),
    st.tuples(st.just("compact"), st.booleans()),
)
squashes = st.tuples(st.integers(0, 12), st.sampled_from(["exact", "exact", "facts"]), st.booleans(), st.booleans())


def rows_of(numbers, cells, table: Table) -> pa.Table:
    """Rows with these ids in the table's present columns, as far as they are ours."""
    head = table.head
    names = ["id", *([c.name for c in head.columns if c.name in KINDS and c.name != "id"] if head else list(KINDS)[1:])]
    columns = {"id": list(numbers)} | {n: [c[n] for _, c in zip(numbers, cells, strict=False)] for n in names[1:]}
    return pa.table({name: pa.array(columns[name], KINDS[name]) for name in names})


def carry_out(table: Table, edit: tuple, *, keyed: bool) -> None:  # noqa: C901, PLR0912 (one case for each edit)
    """Do one edit; one that makes no sense for the table as it is does nothing."""
    kind, *what = edit
    head = table.head
    key = ["id"] if keyed else []
    try:
        if kind == "append":
            known = set(table.read(columns=["id"])["id"].to_pylist()) if head and head.fragments else set()
            fresh = [number for number in what[0] if not keyed or number not in known]
            if fresh:
                table.append(rows_of(fresh, what[1], table), key=key)
        elif kind == "upsert" and head and keyed:
            table.upsert(rows_of(what[0], what[1], table), key=key)
        elif kind == "dump" and head:
            table.replace(rows_of(what[0], what[1], table), key=key)
        elif kind == "delete" and head:
            table.delete(pc.field("id") > what[0][0] if not keyed else pa.table({"id": what[0]}))
        elif kind == "add" and head:
            table.add_column(what[0], ["id"], lambda rows: pc.multiply(rows["id"], 2))
        elif kind == "drop" and head:
            table.drop_column(what[0])
        elif kind == "rename" and head:
            table.rename_column(*what)
        elif kind == "reorder" and head:
            table.reorder(sorted((column.name for column in head.columns), reverse=what[0]))
        elif kind == "rollback" and head:
            table.rollback(what[0])
        elif kind == "compact" and head:
            limits = Limits(patches=0, patched=0.0, deleted=0.0) if what[0] else Limits(patches=0, small=0)
            compact(table.store, table.name, now=NOW, limits=limits)
    except DataError:
        event(f"nothing to {kind}")
    except MlrayError as error:
        event(f"{kind}: {type(error).__name__}")


def same(one: pa.Table, other: pa.Table) -> bool:
    """Equal to the bit: NaN is NaN, and the sign of a zero counts."""
    names = one.column_names == other.column_names and one.num_rows == other.num_rows
    kinds = names and one.schema.types == other.schema.types
    return kinds and all(column_digest(one[name]) == column_digest(other[name]) for name in one.column_names)


def recovered(store: Store, version) -> pa.Table | None:
    try:
        return recover(store, version)
    except RecoveryRefused as refused:
        event("refused")
        if not refused.lost:
            raise
        return None


@settings(max_examples=25, suppress_health_check=list(HealthCheck), phases=PHASES)
@given(
    st.booleans(), st.lists(edits, min_size=2, max_size=9), st.lists(squashes, min_size=1, max_size=6), st.booleans()
)
def test_a_squashed_version_comes_back_exactly_or_is_refused(keyed, history, wanted, eager):
    # Files of a few rows are all footer, so that no patch is smaller: at any price, the rebuilding is tried too.
    with pytest.MonkeyPatch.context() as patched, tempfile.TemporaryDirectory() as folder:
        patched.setattr(_squash, "WORTH", 1000.0 if eager else 1.0)
        store = Store(Path(folder))
        table = Table(store, "orders", clock=ManualClock(NOW))
        first = [{"name": "a", "size": 1.0, "at": NOW}] * 5
        table.append(rows_of(range(5), first, table), key=["id"] if keyed else [])
        for edit in history:
            carry_out(table, edit, keyed=keyed)
        before = {version.number: recover(store, version) for version in store.versions("orders")}
        exact = set(before)
        for place, keep, swept, anyway in wanted:
            number = 1 + place % max(1, len(before) - 1)
            asked = store.version("orders", number)
            try:
                told = squash(store, asked, keep, now=NOW, grace=NONE, anyway=anyway)
            except DataError:
                continue  # squashed already, or the newest of its branch
            if not told.closed:
                event("stays as it is")
                assert not anyway
                assert not told.dropped
                assert store.version("orders", number) == asked
                continue
            event(f"squashed {keep}, {'lost' if told.lost else 'whole'}, {'less' if told.dropped else 'the same'}")
            if keep == "facts":
                exact.discard(number)
            if swept:
                gc(store, now=NOW, grace=NONE)
            for version in store.versions("orders"):
                found = recovered(store, version)
                assert found is not None or version.number not in exact
                assert found is None or same(found, before[version.number])
        assert not verify(store, now=NOW).damaged


@pytest.mark.slow
@settings(max_examples=300, suppress_health_check=list(HealthCheck), phases=PHASES)
@given(
    st.booleans(), st.lists(edits, min_size=2, max_size=16), st.lists(squashes, min_size=1, max_size=10), st.booleans()
)
def test_the_same_over_many_and_longer_histories(keyed, history, wanted, eager):
    test_a_squashed_version_comes_back_exactly_or_is_refused.hypothesis.inner_test(keyed, history, wanted, eager)
