"""The quality of a dataset version in one record: distributions, answers, leakage, labels, repetition, drift, rules."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlray.clock import parse_duration
from mlray.console.quality import findings
from mlray.coordinator.rows import Array, some_rows
from mlray.coordinator.workspace import Workspace
from mlray.data._quality import RuleTally
from mlray.errors import DataError
from mlray.evaluation import coded, leakage, repetition, score, wilson
from mlray.features import Matrix
from mlray.monitoring import compare, describe
from mlray.ports import Progress
from mlray.project._rows import version_of
from mlray.project._rules import rules_of
from mlray.records import (
    Balance,
    ColumnProfile,
    DataProfile,
    DatasetVersion,
    DriftReport,
    Fragment,
    LabelQuality,
    LabelSuspect,
    LeakageSuspect,
    PeriodShare,
    Repetition,
)
from mlray.sketches import Profile, Reference, profile

__all__ = ["profile_of"]

MOST_ROWS = 1_000_000
"""Rows that are looked at one by one; of more, as many are drawn."""
MOST_JUDGED = 40_000
"""Rows whose labels are judged: ten models learn from four fifths of them."""
FEWEST = 60
"""Rows of each answer below which neither leakage nor labels are judged."""
PERIODS = 12
TRUSTED = 0.9
"""The AUC from which on about every second answer named is wrong where one in twenty is; below it answers overlap."""
WORST = 20


def profile_of(space: Workspace, ref: str | int | None, against: str | int | None, progress: Progress) -> DataProfile:
    """Return what is in a version of the project's table; see `Project.profile`."""
    version = version_of(space, ref)
    before = version_of(space, against) if against is not None else None
    progress(0, 5, "columns")
    counted = _counted(space, version)
    look = _Look(space, version)
    drift, earlier = _drift(space, before, version, counted) if before else (None, None)
    order = list(version.schema)  # a profile that was kept as JSON has its columns in alphabetical order
    columns = sorted(describe(counted, earlier), key=lambda column: order.index(column.name))
    progress(1, 5, "rows")
    rows, answers = look.rows()
    made = DataProfile(
        project=space.name,
        dataset=version.name,
        digest=version.digest,
        rows=version.rows,
        as_of=version.as_of,
        target=space.spec.data.target.name,
        looked=len(answers),
        columns=tuple(_named(space, column) for column in columns),
        balance=_balance(rows[space.spec.data.time], answers),
        repetition=look.repetition(rows, answers),
        against=before.name if before else "",
        drift=drift,
        rules=rules_of(space, version, look.tallies),
    )
    if min(answers.sum(), len(answers) - answers.sum()) >= FEWEST:
        progress(2, 5, "leakage")
        matrix = look.matrix(rows)
        made = replace(made, leakage=look.leakage(rows, matrix, answers))
        if matrix is not None:
            labels = look.labels(
                rows, matrix, answers, lambda done, total, note="": progress(2 + 3 * done / total, 5, note)
            )
            made = replace(made, labels=labels)
    else:
        look.notes.append(f"Leakage and labels need {FEWEST} rows of each answer.")
    made = replace(made, notes=tuple(look.notes))
    progress(5, 5, "")
    return replace(made, findings=findings(made))


def _counted(space: Workspace, version: DatasetVersion, reference: Reference | None = None) -> Profile:
    """Return the version's profile: the one that was counted as its rows came in, or a new one, part by part."""
    if version.profile:
        known = Profile.from_json(space.store.get_json(version.profile))
        same = set(known.columns) == set(version.schema)
        if same and (reference is None or known.reference.digest == reference.digest):
            return known
    return _profiled(space, version, version.fragments, reference)


def _profiled(
    space: Workspace, version: DatasetVersion, fragments: Iterable[Fragment], reference: Reference | None
) -> Profile:
    found: list[Profile] = []
    for fragment in fragments:
        rows = space.store.read_fragment(version, fragment)
        reference = reference or Reference.of(rows)
        found.append(profile(rows, reference))
    if not found:
        raise DataError(f"{version.name} has no rows.", remedy="Ingest a source that has rows.")
    return reduce(Profile.merge, found)


def _drift(
    space: Workspace, before: DatasetVersion, version: DatasetVersion, counted: Profile
) -> tuple[DriftReport, Profile]:
    """Return how the version differs from `before`, and the profile of `before`.

    Where it only added rows, these are compared: among all the old ones they would hardly show.
    """
    earlier = _counted(space, before)
    known = {fragment.blob for fragment in before.fragments}
    added = [fragment for fragment in version.fragments if fragment.blob not in known]
    grew = known < {fragment.blob for fragment in version.fragments}
    shared = Reference({name: earlier.reference.columns[name] for name in earlier.columns if name in version.schema})
    if grew:
        later = _profiled(space, version, added, shared)
    elif shared.digest == counted.reference.digest:
        later = counted
    else:
        later = _profiled(space, version, version.fragments, shared)
    report = compare(
        earlier,
        later,
        endpoint=version.table,
        version=version.number,
        start=before.as_of,
        end=version.as_of,
        threshold=space.spec.drift.threshold,
        now=version.created_at,
    )
    return report, earlier


def _named(space: Workspace, column: ColumnProfile) -> ColumnProfile:
    spec = space.spec.data.all_columns.get(column.name)
    return column if spec is None else replace(column, unit=spec.unit or "", known=spec.known)


def _balance(times: pa.ChunkedArray, answers: Array) -> Balance | None:
    if not len(answers):
        return None
    moments = times.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
    edges = np.linspace(moments.min(), moments.max(), PERIODS + 1)
    periods = []
    for index in range(PERIODS):
        last = index == PERIODS - 1
        inside = (moments >= edges[index]) & ((moments <= edges[index + 1]) if last else (moments < edges[index + 1]))
        if inside.any():
            share = wilson(int(answers[inside].sum()), int(inside.sum()))
            periods.append(PeriodShare(_moment(edges[index]), _moment(edges[index + 1]), int(inside.sum()), share))
    positives = int(answers.sum())
    return Balance(len(answers), positives, wilson(positives, len(answers)), tuple(periods))


def _moment(microseconds: float) -> datetime:
    found: datetime = pa.scalar(int(microseconds), pa.timestamp("us", "UTC")).as_py()
    return found


@dataclass
class _Look:
    """The rows of one version, looked at one by one."""

    space: Workspace
    version: DatasetVersion
    notes: list[str] = field(default_factory=list)
    tallies: tuple[RuleTally, ...] = ()
    """What the contract's rules on whole tables have counted, in all rows."""

    def rows(self) -> tuple[pa.Table, Array]:
        """Return the rows in the order of time, a sample where they are many, and their answers as 0 or 1."""
        if not self.version.rows:
            raise DataError(f"{self.version.name} has no rows.", remedy="Ingest a source that has rows.")
        rows = pa.concat_tables(self._parts())
        if rows.num_rows < self.version.rows:
            self.notes.append(
                f"Answers, leakage and repetition were judged on {rows.num_rows:,} of {self.version.rows:,} rows."
            )
        rows = rows.sort_by(self.space.spec.data.time)
        return rows, np.asarray(self.space.contract.target(rows)).astype(np.float64)

    def _parts(self) -> Iterator[pa.Table]:
        store, share = self.space.store, min(1.0, MOST_ROWS / self.version.rows)
        for number, fragment in enumerate(self.version.fragments):
            part = store.read_fragment(self.version, fragment)
            counted = self.space.contract.tally(part)
            merged = zip(self.tallies, counted, strict=True) if self.tallies else ()
            self.tallies = tuple(one.merge(more) for one, more in merged) or counted
            if share < 1:
                part = part.take(some_rows(part.num_rows, round(share * part.num_rows), number))
            yield part

    def matrix(self, rows: pa.Table) -> Matrix | None:
        """Return the features of the rows; None, with a note, where the project's function fails on them."""
        try:
            return self.space.plan.fit(rows, tuple(self.space.spec.data.request_columns)).apply(rows)
        except DataError as error:
            self.notes.append(f"Labels were not judged, since the features cannot be made: {error.problem}")
            return None

    def leakage(self, rows: pa.Table, matrix: Matrix | None, answers: Array) -> tuple[LeakageSuspect, ...]:
        """Judge each column that a request brings, and each feature that is no such column."""
        seed = self.space.spec.model.seed
        chosen = some_rows(len(answers), MOST_JUDGED, seed)
        columns: dict[str, Any] = {}
        for name, column in self.space.spec.data.request_columns.items():
            if name in rows.column_names:
                words = column.type == "string"
                values = rows[name].take(chosen)
                values = values.cast(pa.int64()) if column.type == "timestamp" else values
                columns[name] = coded(values.to_pandas(), words=words)
        if matrix is not None:
            for place, name in enumerate(matrix.names):
                if name not in columns:
                    columns[f"{name} (feature)"] = coded(matrix.values[chosen, place], words=False)
        return leakage(columns, answers[chosen], seed)

    def labels(self, rows: pa.Table, matrix: Matrix, answers: Array, progress: Progress) -> LabelQuality:
        """Judge every label by models that have not seen its row."""
        from mlray.evaluation.on_sklearn import label_study

        seed, data = self.space.spec.model.seed, self.space.spec.data
        chosen = some_rows(len(answers), MOST_JUDGED, seed)
        y = answers[chosen]
        p, found = label_study(matrix.values[chosen], y, matrix.categorical, seed=seed, progress=progress)
        given = y[found.rows] > 0.5
        auc = score("auc", y, p)
        shown = list(dict.fromkeys([*data.key, data.time, data.target.column]))
        worst = rows.take(chosen[found.rows[:WORST]]).select([name for name in shown if name in rows.column_names])
        return LabelQuality(
            judged=len(y),
            auc=auc,
            wrongly_true=int(given.sum()),
            wrongly_false=int((~given).sum()),
            noise=found.noise,
            trusted=auc.low >= TRUSTED,
            worst=tuple(
                LabelSuspect(bool(y[place] > 0.5), float(p[place]), {name: _text(value) for name, value in row.items()})
                for place, row in zip(found.rows[:WORST], worst.to_pylist(), strict=True)
            ),
        )

    def repetition(self, rows: pa.Table, answers: Array) -> Repetition:
        """Count rows that are there twice, and those of the holdout that were learnt from."""
        data = self.space.spec.data
        times = rows[data.time].cast(pa.timestamp("us", "UTC"))
        # Rows may have been old already when they were read: counted from that day, none would be held out.
        newest = min(self.version.as_of, pc.max(times).as_py())
        edge = pa.scalar(newest - parse_duration(self.space.spec.model.holdout), times.type)
        learnt = np.asarray(pc.less(times, edge))
        inputs = [name for name in data.request_columns if name in rows.column_names]
        return repetition(rows, inputs, data.time, answers, learnt)


def _text(value: object) -> str:
    return "missing" if value is None else f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else str(value)
