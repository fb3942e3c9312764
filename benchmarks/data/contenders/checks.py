"""The contract by hand and a validator: pandas with pandera, polars with pandera, pandas with Great Expectations."""

import os

os.environ["POLARS_MAX_THREADS"] = "1"
os.environ["GX_ANALYTICS_ENABLED"] = "False"

from typing import Any

import pyarrow as pa

from benchmarks.data.contenders.terms import DEVICE, LIMITS, RENAME, ZONE, facts, one_core, raw
from benchmarks.data.made import COUNTRIES, DEVICES
from benchmarks.data.workers import serve

state: dict[str, Any] = {}


def prepare(rows: int, tool: str) -> None:
    """Make the rows in the tool's own form, and all of it that is made once."""
    one_core()
    table = raw(rows)
    if tool == "pandera-polars":
        import polars as pl

        state["frame"] = pl.from_arrow(table)
        state["check"] = _pandera_polars()
        return
    state["frame"] = table.to_pandas()
    state["check"] = _pandera() if tool == "pandera" else _great_expectations()


def apply() -> int:
    """Bring all rows into the contract's words, check them, and return how many broke it."""
    return int(state["check"](state["frame"]))


def made() -> dict[str, float]:
    """Return what the rows are in the contract's words."""
    frame = state["made"]
    return facts(frame.to_arrow() if hasattr(frame, "to_arrow") else pa.Table.from_pandas(frame))


def _in_pandas(frame: Any) -> Any:
    frame = frame.rename(columns=RENAME)
    return frame.assign(
        ts=frame["ts"].dt.tz_localize(ZONE).dt.tz_convert("UTC"),
        device=frame["device"].map(DEVICE),
        score=(frame["score"] - 32) / 1.8,
    )


def _pandera() -> Any:
    import pandera.pandas as pan
    from pandera.errors import SchemaErrors

    checks = {name: pan.Check.in_range(*limits) for name, limits in LIMITS.items()}
    checks |= {"country": pan.Check.isin(COUNTRIES), "device": pan.Check.isin(DEVICES)}
    names = [RENAME.get(name, name) for name in state["frame"].columns]
    schema = pan.DataFrameSchema({name: pan.Column(None, checks.get(name), nullable=False) for name in names})

    def check(frame: Any) -> int:
        state["made"] = made = _in_pandas(frame)
        try:
            schema.validate(made, lazy=True)
        except SchemaErrors as errors:
            return errors.failure_cases["index"].nunique()
        return 0

    return check


def _pandera_polars() -> Any:
    import pandera.polars as pan
    import polars as pl
    from pandera.errors import SchemaErrors

    checks = {name: pan.Check.in_range(*limits) for name, limits in LIMITS.items()}
    checks |= {"country": pan.Check.isin(COUNTRIES), "device": pan.Check.isin(DEVICES)}
    names = [RENAME.get(name, name) for name in state["frame"].columns]
    schema = pan.DataFrameSchema({name: pan.Column(None, checks.get(name), nullable=False) for name in names})

    def check(frame: Any) -> int:
        state["made"] = made = frame.rename(RENAME).with_columns(
            pl.col("ts").dt.replace_time_zone(ZONE).dt.convert_time_zone("UTC"),
            pl.col("device").replace_strict(DEVICE, default=None),
            (pl.col("score") - 32) / 1.8,
        )
        try:
            schema.validate(made, lazy=True)
        except SchemaErrors as errors:
            return errors.failure_cases["index"].n_unique()
        return 0

    return check


def _great_expectations() -> Any:
    import great_expectations as gx
    import great_expectations.expectations as gxe

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    batch = (
        context.data_sources.add_pandas("source")
        .add_dataframe_asset("rows")
        .add_batch_definition_whole_dataframe("all")
    )
    names = [RENAME.get(name, name) for name in state["frame"].columns]
    wanted: list[Any] = [gxe.ExpectColumnValuesToNotBeNull(column=name) for name in names]
    wanted += [
        gxe.ExpectColumnValuesToBeBetween(column=name, min_value=limits[0], max_value=limits[1])
        for name, limits in LIMITS.items()
    ]
    wanted += [
        gxe.ExpectColumnValuesToBeInSet(column="country", value_set=list(COUNTRIES)),
        gxe.ExpectColumnValuesToBeInSet(column="device", value_set=list(DEVICES)),
    ]
    suite = context.suites.add(gx.ExpectationSuite(name="contract", expectations=wanted))

    def check(frame: Any) -> int:
        state["made"] = made = _in_pandas(frame)
        found = batch.get_batch({"dataframe": made}).validate(suite)
        return sum(one.result.get("unexpected_count", 0) for one in found.results)

    return check


if __name__ == "__main__":
    serve(prepare=prepare, apply=apply, made=made)
