"""From rows to a matrix: a plan is fitted once on training rows, and then applied alike in batch and online."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlray.errors import DataError, SpecError
from mlray.features import _code, _encode, _formulas
from mlray.features._frame import frame_of, plain_features, typed
from mlray.ids import Json, digest_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FeaturePlan", "Fitted", "Matrix", "Partial"]

PROBES = 8
"""Training rows on which a fit compares batch with one by one."""


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """Features as models take them."""

    values: npt.NDArray[np.float32]
    """Shape [n, features]; NaN is missing; a category is its code, 0 to the vocabulary's size - 1."""
    names: tuple[str, ...]
    categorical: tuple[int, ...]
    """Positions of the features that are codes of categories."""


@dataclass(frozen=True)
class FeaturePlan:
    """What is done to rows before a model sees them: the user's function, formulas, or the columns as they are."""

    source: str | None
    """The text of the user's file; None uses every column, a time as its hour and weekday."""
    file: str = "features.py"
    formulas: tuple[tuple[str, str], ...] = ()
    """Feature and formula, such as `("speed", "distance / air_time")`; they make features in place of a file."""

    @classmethod
    def declared(cls, formulas: Mapping[str, str]) -> Self:
        """Return the plan that makes each feature by its formula over the columns of a row.

        A formula has columns, numbers, texts, `+ - * / // % **`, comparisons, `and or not`, `in [...]`, `is None`,
        `x if c else y`, and pyarrow's kernels that work row by row, by name.

        Raises:
            SpecError: a formula cannot be read, or names no such kernel.
        """
        made = tuple((str(name), str(text)) for name, text in formulas.items())
        _formulas.check(made)
        return cls(None, "features", made)

    @classmethod
    def of(cls, told: str | Mapping[str, str] | None, folder: Path) -> Self:
        """Return the plan of a project's `features:`, a file in `folder`; errors as of `declared` and `from_file`."""
        if isinstance(told, Mapping):
            return cls.declared(told)
        return cls.from_file(folder / told if told else None)

    @classmethod
    def from_file(cls, path: Path | None) -> Self:
        """Return the plan of the Python file `path`, which is run once to see that it can be; None is the default plan.

        Raises:
            SpecError: the file is missing, is not Python, or defines no function `features`.
        """
        if path is None:
            return cls(None)
        try:
            source = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SpecError(
                [f"{path} cannot be read: {error}."], remedy="Correct `features:` in mlray.yaml."
            ) from error
        _code.load(source, path.name)
        return cls(source, path.name)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the code, or of the formulas."""
        return digest_of(self.content)

    @property
    def content(self) -> dict[str, Json]:
        """What makes the features, as JSON values."""
        # A plan without formulas keeps the digest that it had before there were any.
        declared: dict[str, Json] = {"formulas": [list(each) for each in self.formulas]} if self.formulas else {}
        return {"source": self.source, **declared}

    def frame(self, table: pa.Table, columns: Sequence[str]) -> "pd.DataFrame":
        """Return the features of `table` as the user's function makes them from `columns`, before encoding.

        Raises:
            DataError: a column is missing, or the user's function failed or did not return one row per row.
        """
        if self.formulas:
            return _formulas.computed(self.formulas, table, columns)
        if self.source is None:
            return plain_features(frame_of(table, columns))
        function = _code.load(self.source, self.file)
        on_arrow = _code.takes_arrow(self.source, self.file)
        rows = typed(table, columns) if on_arrow else frame_of(table, columns)
        return _code.run(function, self.file, rows, columns)

    def fit(self, table: pa.Table, request_columns: Sequence[str]) -> "Fitted":
        """Return the plan with the vocabularies of the text features of `table`, the training rows.

        The user's function sees `request_columns` only, so that nothing known later can leak into training.

        Raises:
            DataError: there are no rows, the function failed, or its answer for a row depends on the rows beside it.
        """
        return self.partial(table, request_columns).finish()

    def partial(self, table: pa.Table, request_columns: Sequence[str]) -> "Partial":
        """Return what the rows of `table` teach; partial results of parts, merged in any order, are that of all rows.

        Raises:
            DataError: as `fit`, but for rows that are not there.
        """
        if not table.num_rows:
            return Partial.nothing(self, request_columns)
        frame = self.frame(table, request_columns)
        names = _names(frame, self.file)
        counted = tuple(_encode.count(name, frame[name], self.file) for name in names)
        made = Partial(self, tuple(request_columns), counted, table.num_rows)
        _probe(made.finish(), table, frame)
        return made

    def fit_parts(self, tables: Iterable[pa.Table], request_columns: Sequence[str]) -> "Fitted":
        """Return what `fit` returns for all rows of `tables`, which are seen once and one after the other.

        Raises:
            DataError: as `fit`, or a feature is text in one table and a number in another.
        """
        partials = (self.partial(table, request_columns) for table in tables)
        return reduce(Partial.merge, partials, Partial.nothing(self, request_columns)).finish()


@dataclass(frozen=True)
class Partial:
    """What some of the training rows teach a plan; small, picklable, and mergeable in any order."""

    plan: FeaturePlan
    request_columns: tuple[str, ...]
    counted: tuple[_encode.Counted, ...]
    rows: int

    @classmethod
    def nothing(cls, plan: FeaturePlan, request_columns: Sequence[str]) -> Self:
        """Return what no rows teach, to begin a merge with."""
        return cls(plan, tuple(request_columns), (), 0)

    def merge(self, other: "Partial") -> "Partial":
        """Return what both together teach.

        Raises:
            DataError: the features are not the same, or one is text here and a number there.
        """
        if not self.counted or not other.counted:
            return self if self.counted else other
        theirs = {counted.name: counted for counted in other.counted}
        odd = sorted(theirs.keys() ^ {counted.name for counted in self.counted})
        if odd:
            raise _other_features(self.plan.file, odd)
        merged = tuple(counted.merge(theirs[counted.name], self.plan.file) for counted in self.counted)
        return Partial(self.plan, self.request_columns, merged, self.rows + other.rows)

    def finish(self) -> "Fitted":
        """Return the fitted plan; DataError where there was no row."""
        if not self.rows:
            raise DataError("There are no rows to fit features on.", remedy="Ingest data first, or widen the window.")
        return Fitted(self.plan, self.request_columns, tuple(counted.encoding() for counted in self.counted))


@dataclass(frozen=True)
class Fitted:
    """A feature plan with everything it learnt from training rows; part of a model's artifact."""

    plan: FeaturePlan
    request_columns: tuple[str, ...]
    columns: tuple[_encode.Encoding, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names, in the matrix's order."""
        return tuple(column.name for column in self.columns)

    @property
    def categorical(self) -> tuple[int, ...]:
        """Positions of the features that are codes of categories."""
        return tuple(place for place, column in enumerate(self.columns) if column.vocabulary is not None)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the code and of all that was learnt."""
        return digest_of(self._content())

    def apply(self, table: pa.Table) -> Matrix:
        """Return the features of `table`, each row by itself: the same in a batch, one by one and online.

        Raises:
            DataError: a column is missing, or the user's function failed or returned other features than when fitted.
        """
        return Matrix(self._values(table), self.names, self.categorical)

    def _values(self, table: pa.Table) -> npt.NDArray[np.float32]:
        return self.encoded(self.plan.frame(table, self.request_columns))

    def encoded(self, frame: "pd.DataFrame") -> npt.NDArray[np.float32]:
        """Return features, as the plan's `frame` makes them, as float32 of shape [n, features].

        Raises:
            DataError: they are others than when the plan was fitted.
        """
        made = list(frame.columns)
        if made != list(self.names) and sorted(made, key=str) != sorted(self.names):
            odd = sorted({str(name) for name in made} ^ set(self.names)) or ["one of them twice"]
            raise _other_features(self.plan.file, odd)
        values = np.empty((len(frame), len(self.columns)), dtype=np.float32)
        for place, column in enumerate(self.columns):
            values[:, place] = column.apply(frame[column.name], self.plan.file)
        return values

    def to_json(self) -> dict[str, Json]:
        """Return code, vocabularies and digest as JSON values."""
        return {**self._content(), "digest": self.digest}

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> Self:
        """Return the fitted plan that `to_json` wrote. Its code is run when first applied: check signatures before.

        Raises:
            DataError: the digest does not match what was read.
        """
        formulas = cast("list[list[str]]", data.get("formulas", []))
        made = tuple((name, text) for name, text in formulas)
        plan = FeaturePlan(cast("str | None", data["source"]), cast("str", data["file"]), made)
        columns = tuple(
            _encode.Encoding.from_json(column) for column in cast("list[dict[str, Json]]", data["features"])
        )
        fitted = cls(plan, tuple(cast("list[str]", data["request_columns"])), columns)
        if fitted.digest != data["digest"]:
            raise DataError(
                f"The fitted features were changed: digest {str(data['digest'])[:12]} does not match the content.",
                remedy="Fetch the model's artifact again.",
            )
        return fitted

    def _content(self) -> dict[str, Json]:
        return {
            **self.plan.content,
            "file": self.plan.file,
            "request_columns": list(self.request_columns),
            "features": [column.to_json() for column in self.columns],
        }


def _probe(fitted: Fitted, table: pa.Table, frame: "pd.DataFrame") -> None:
    """Raise DataError if a row's features change when it comes alone: it would, online, and nobody would notice."""
    places = sorted({round(place) for place in np.linspace(0, table.num_rows - 1, PROBES)})
    together = fitted.encoded(frame.iloc[places])
    for at, place in enumerate(places):
        alone = fitted.encoded(fitted.plan.frame(table.slice(place, 1), fitted.request_columns))[0]
        # Vectorised logarithms and the like may differ in the last bit between one row and many.
        differs = np.flatnonzero(~np.isclose(alone, together[at], rtol=1e-5, atol=1e-6, equal_nan=True))
        if len(differs):
            feature = int(differs[0])
            raise DataError(
                f"{fitted.plan.file}: feature '{fitted.names[feature]}' of row {place} is {alone[feature]:g} alone and"
                f" {together[at, feature]:g} among others.",
                remedy="A feature may use its own row only: an endpoint sees rows one by one.",
            )


def _other_features(file: str, odd: Sequence[str]) -> DataError:
    return DataError(
        f"{file}: the features are not those that were fitted; the difference is {', '.join(odd)}.",
        remedy="Return the same columns whatever the rows are.",
    )


def _names(frame: "pd.DataFrame", file: str) -> list[str]:
    names = list(frame.columns)
    for name in names:
        if not isinstance(name, str):
            raise DataError(
                f"{file}: a feature is named {name!r}.", remedy="Name every column of the result with text."
            )
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None or not names:
        problem = f"the feature '{repeated}' is there twice" if names else "there are no features"
        raise DataError(f"{file}: {problem}.", remedy="Return each feature once.")
    return names
