"""One feature as a column of float32: numbers as they are, text by the vocabulary of the training rows."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
import numpy.typing as npt

from mlray.errors import DataError
from mlray.ids import Json

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Counted", "Encoding", "count"]

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
        import pandas as pd

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


@dataclass(frozen=True)
class Counted:
    """What some rows tell about how a feature is to be encoded; adds up over rows, in any order."""

    name: str
    words: Mapping[str, int] | None
    """How often each word was seen; None for a number."""
    known: int
    """Values that were not missing."""

    def merge(self, other: "Counted", file: str) -> "Counted":
        """Return what both together tell.

        Raises:
            DataError: the feature is text in some rows and a number in others.
        """
        known = self.known + other.known
        if self.words is None and other.words is None:
            return Counted(self.name, None, known)
        for one in (self, other):
            # Rows in which it is missing throughout show no kind.
            if one.words is None and one.known:
                raise DataError(
                    f"{file}: feature '{self.name}' is text in some rows and a number in others.",
                    remedy="Return one kind of value for it whatever the rows are.",
                )
        return Counted(self.name, Counter(self.words or {}) + Counter(other.words or {}), known)

    def encoding(self) -> Encoding:
        """Return the encoding that these rows ask for."""
        if self.words is None:
            return Encoding(self.name, None)
        words = self.words
        frequent = sorted(words, key=lambda word: (-words[word], word))[:VOCABULARY]
        return Encoding(self.name, tuple(sorted(frequent)))


def count(name: str, values: "pd.Series[Any]", file: str) -> Counted:
    """Return what the values of a feature tell: text and categories are counted word by word.

    Raises:
        DataError: the feature is a time.
    """
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(values.dtype) or pd.api.types.is_timedelta64_dtype(values.dtype):
        raise DataError(
            f"{file}: feature '{name}' is a time, which a model would take for one ever-growing number.",
            remedy=f"Use its parts, such as rows['{name}'].dt.hour, or a difference in hours.",
        )
    known = int(values.notna().sum())
    if not _is_text(values):
        return Counted(name, None, known)
    words: Counter[str] = Counter()
    often = values.value_counts()
    # A category that no row has counts zero.
    for word, times in often[often > 0].items():
        words[_word(word)] += int(times)
    return Counted(name, words, known)


def _is_text(values: "pd.Series[Any]") -> bool:
    import pandas as pd

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
