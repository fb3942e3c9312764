"""One feature as a column of float32: numbers as they are, text by the vocabulary of the training rows."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlray.errors import DataError
from mlray.ids import Json

__all__ = ["Encoding", "learn"]

VOCABULARY = 250
"""Words kept, the most frequent: scikit-learn's boosting takes 255 categories, and rarer ones carry next to nothing."""

Column = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Encoding:
    """How one feature becomes numbers."""

    name: str
    vocabulary: tuple[str, ...] | None
    """Words in alphabetical order, a word's place being its code; None for a number."""

    @cached_property
    def _codes(self) -> dict[object, int]:
        return {word: code for code, word in enumerate(self.vocabulary or ())}

    def apply(self, values: "pd.Series[Any]", file: str) -> Column:
        """Return float32 of shape [n]: missing, infinite and unseen values are NaN.

        Raises:
            DataError: a number was expected and something else came.
        """
        if self.vocabulary is None:
            return _numbers(self.name, values, file)
        # Each distinct word is looked up once, so that a large batch costs little more than its factorisation.
        codes, words = pd.factorize(values, use_na_sentinel=True)
        known = np.array([self._codes.get(_word(word), np.nan) for word in words] + [np.nan], dtype=np.float32)
        return known[codes]

    def to_json(self) -> dict[str, Json]:
        """Return the encoding as JSON values."""
        return {"name": self.name, "vocabulary": None if self.vocabulary is None else list(self.vocabulary)}

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> Self:
        """Return the encoding that `to_json` wrote."""
        words = cast("list[str] | None", data["vocabulary"])
        return cls(cast("str", data["name"]), None if words is None else tuple(words))


def learn(name: str, values: "pd.Series[Any]", file: str) -> Encoding:
    """Return the encoding of a feature as its training values ask for it: text and categories get a vocabulary.

    Raises:
        DataError: the feature is a time, or mixes text and other things.
    """
    if pd.api.types.is_datetime64_any_dtype(values.dtype) or pd.api.types.is_timedelta64_dtype(values.dtype):
        raise DataError(
            f"{file}: feature '{name}' is a time, which a model would take for one ever-growing number.",
            remedy=f"Use its parts, such as rows['{name}'].dt.hour, or a difference in hours.",
        )
    if not _is_text(values):
        return Encoding(name, None)
    counts = Counter({_word(word): int(count) for word, count in values.value_counts().items() if count})
    frequent = sorted(counts, key=lambda word: (-counts[word], word))[:VOCABULARY]
    return Encoding(name, tuple(sorted(frequent)))


def _is_text(values: "pd.Series[Any]") -> bool:
    if isinstance(values.dtype, pd.CategoricalDtype | pd.StringDtype):
        return True
    return pd.api.types.is_object_dtype(values.dtype) and any(isinstance(value, str) for value in values)


def _word(value: object) -> str:
    return value if isinstance(value, str) else str(value)


def _numbers(name: str, values: "pd.Series[Any]", file: str) -> Column:
    try:
        with np.errstate(over="ignore"):
            numbers = values.to_numpy(dtype=np.float64, na_value=np.nan).astype(np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{file}: feature '{name}' is {values.dtype} this time and was a number when the model was trained.",
            remedy="Return numbers for it whatever the rows are.",
        ) from error
    # XGBoost refuses infinity, which a division by zero in a feature makes of any number.
    numbers[np.isinf(numbers)] = np.nan
    return numbers
