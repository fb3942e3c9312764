"""The small forms that a project file is made of: durations, money, days, names, ranges; and their short ways."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal, InvalidOperation
from math import isfinite
from re import compile as compile_pattern
from typing import Annotated, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from mlray.clock import parse_duration

__all__ = [
    "Choice",
    "Day",
    "Domain",
    "Duration",
    "Money",
    "Name",
    "Part",
    "Range",
    "Scalar",
    "Share",
    "Wrong",
    "complain",
]


def _duration(text: object) -> object:
    if not isinstance(text, str):
        return text
    try:
        parse_duration(text)
    except OverflowError as error:
        message = f"'{text}' is longer than a calendar; write a number and a unit, such as '14 days'"
        raise ValueError(message) from error
    return text


def _money(amount: object) -> object:
    """Accept `40 USD`, `40` or 40; the currency is the project's."""
    if isinstance(amount, bool) or not isinstance(amount, str | int | float):
        return amount
    number, _, currency = str(amount).strip().partition(" ")
    if currency.strip() not in ("", "USD"):
        message = f"'{amount}': only USD is known so far, as in `40 USD`"
        raise ValueError(message)
    try:
        return Decimal(number)
    except InvalidOperation as error:
        message = f"'{amount}' is not an amount of money; write `40 USD`"
        raise ValueError(message) from error


def _day(value: object) -> object:
    """Accept a day as text: YAML's own dates are left as they were written."""
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        message = f"'{value}' is not a day of the calendar; write 2013-04-01"
        raise ValueError(message) from error


def _range(value: object) -> object:
    if isinstance(value, dict):
        if "range" in value and not {"low", "high", "scale"} & set(value):
            ends = _range(value["range"])
            rest = {key: part for key, part in value.items() if key != "range"}
            return {**ends, **rest} if isinstance(ends, dict) else _range([])
        if value and not {"low", "high", "scale", "step"} & set(value):
            raise ValueError(_FORMS)
        return value
    if not isinstance(value, list | tuple):
        return value
    if len(value) not in (2, 3) or any(isinstance(end, str | bool) or end is None for end in value[:2]):
        raise ValueError(_FORMS)
    return dict(zip(("low", "high", "scale"), value, strict=False))


_FORMS = (
    "a range is written [low, high] or [low, high, log]; values to choose from as {choices: [a, b]};"
    " what counts only sometimes as {range: [low, high], when: {other: value}}"
)
_WORDS = {"true": True, "false": False, "null": None}
_NUMBER = compile_pattern(r"[-+]?[0-9]+")


def _scalar(text: str) -> str | int | float | bool | None:
    """Return what YAML would read in the place of a value: the keys of a file are texts, whatever they look like."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _NUMBER.fullmatch(text):
        return int(text)
    try:
        number = float(text)
    except ValueError:
        return text
    return number if isfinite(number) else text


def _shape(value: object) -> str:
    return "(nested)" if isinstance(value, dict) else "(list)"


def _kind(value: object) -> str:
    """Tell which form of a parameter's domain was meant, so that one mistake gives one message.

    The brackets keep the forms apart from the keys of a file in pydantic's locations.
    """
    if isinstance(value, Choice) or (isinstance(value, dict) and "choices" in value):
        return "(choice)"
    if isinstance(value, Range | dict | list | tuple):
        return "(range)"
    return "(value)"


Scale = Literal["linear", "log"]
_DurationText = Annotated[str, Field(pattern=r"^[0-9]+ (second|minute|hour|day|week)s?$")]
_MoneyText = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?( USD)?$")]
_Amount = Annotated[float, Field(ge=0)]

Duration = Annotated[str, BeforeValidator(_duration, json_schema_input_type=_DurationText), Field(examples=["14 days"])]
Money = Annotated[
    Decimal,
    Field(ge=0, allow_inf_nan=False, examples=["40 USD"]),
    BeforeValidator(_money, json_schema_input_type=_Amount | _MoneyText),
]
Day = Annotated[date, BeforeValidator(_day)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
Share = Annotated[float, Field(ge=0, le=1)]

_P = TypeVar("_P", bound=BaseModel)
Wrong = tuple[tuple[str | int, ...], object, str]
"""Where something is wrong, the value that was seen there, and what is wrong with it."""


def complain(part: _P, wrongs: Iterable[Wrong], info: ValidationInfo) -> _P:
    """Return `part`, or raise all of `wrongs` as one ValidationError, each at its own place.

    Parts whose name is in the context's `quiet` are let through: what is wrong with them has been told, and now it is
    to be seen what else is wrong around them.
    """
    name = type(part).__name__
    if name in (info.context or {}).get("quiet", ()):
        return part
    found: list[InitErrorDetails] = [
        {"type": PydanticCustomError("sense", "{what}", {"what": what, "part": name}), "loc": path, "input": seen}
        for path, seen, what in wrongs
    ]
    if found:
        raise ValidationError.from_exception_data(name, found)
    return part


class Part(BaseModel):
    """A section of the project file: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


Scalar = str | int | float | bool
"""One value of a parameter."""
Option = Scalar | None
"""One of several values: nothing may be one of them."""
When = dict[str, Scalar | tuple[Scalar, ...]]
"""Other parameter → the value, or the values, that it must have."""


class Range(Part):
    """Numbers between two ends, evenly or on a logarithmic scale; whole numbers when both ends are."""

    low: float | int
    """The lower end, itself possible."""
    high: float | int
    """The upper end, itself possible."""
    scale: Scale = "linear"
    """`log` where a factor matters and not a difference, as for a learning rate."""
    step: float | int | None = Field(default=None, gt=0)
    """Only whole steps from the low end; every number when nothing is said."""
    when: When = Field(default={})
    """The parameter counts only when others have these values, as in `{booster: dart}`."""

    @model_validator(mode="after")
    def _sensible(self, info: ValidationInfo) -> Self:
        wrongs: list[Wrong] = []
        if self.low >= self.high:
            wrongs.append(((), [self.low, self.high], "the low end must lie below the high end"))
        elif self.step is not None and self.step > self.high - self.low:
            wrongs.append(
                (("step",), self.step, f"a step is at most {self.high - self.low:g}, the length of the range")
            )
        if self.scale == "log" and self.low <= 0:
            wrongs.append(((), [self.low, self.high, self.scale], "a logarithmic range starts above 0"))
        return complain(self, wrongs, info)

    @property
    def whole(self) -> bool:
        """Whether only whole numbers lie in the range."""
        return all(isinstance(number, int) for number in (self.low, self.high, self.step or 1))

    def nearest(self, value: float) -> float | int:
        """Return the number of the range that is closest to `value`.

        >>> Range(low=0.1, high=0.9, step=0.2).nearest(0.46)
        0.5
        """
        inside = min(max(value, self.low), self.high)
        if self.step is not None:
            # The last step may end before the high end; a sum of fractions is rounded to what a person would write.
            steps = min(round((inside - self.low) / self.step), int((self.high - self.low) / self.step + 1e-9))
            inside = round(self.low + steps * self.step, 12)
        return round(inside) if self.whole else float(inside)


class Choice(Part):
    """One of several values, each of which may bring parameters of its own."""

    choices: Annotated[
        Annotated[tuple[Option, ...], Field(min_length=1), Tag("(list)")]
        | Annotated[dict[str, dict[str, "Domain"]], Field(min_length=1), Tag("(nested)")],
        Discriminator(_shape),
    ]
    """What may be chosen: a list of values, or value → parameters that count only with it."""
    when: When = Field(default={})
    """The parameter counts only when others have these values, as in `{booster: dart}`."""

    @property
    def values(self) -> tuple[Option, ...]:
        """The values alone. A number that stands as a key is a number again.

        >>> Choice(choices={"gbtree": {}, "dart": {"rate_drop": (0.0, 0.5)}}).values
        ('gbtree', 'dart')
        """
        return tuple(map(_scalar, self.choices)) if isinstance(self.choices, dict) else self.choices

    @property
    def branches(self) -> tuple[tuple[str, Option, dict[str, "Domain"]], ...]:
        """Key, value and parameters of each value that brings parameters of its own."""
        nested = self.choices if isinstance(self.choices, dict) else {}
        return tuple((key, _scalar(key), domains) for key, domains in nested.items() if domains)


_RangeList = tuple[float, float] | tuple[float, float, Scale]


class _RangeForm(Part):
    """A range in its short form, with what belongs to it."""

    range: _RangeList
    """`[low, high]` or `[low, high, log]`."""
    step: float | int | None = Field(default=None, gt=0)
    """Only whole steps from the low end; every number when nothing is said."""
    when: When = Field(default={})
    """The parameter counts only when others have these values, as in `{booster: dart}`."""


Domain = Annotated[
    Annotated[Range, BeforeValidator(_range, json_schema_input_type=Range | _RangeForm | _RangeList), Tag("(range)")]
    | Annotated[Choice, Tag("(choice)")]
    | Annotated[Scalar, Tag("(value)")],
    Discriminator(_kind),
]
Choice.model_rebuild()
