"""The small forms that a project file is made of: durations, money, days, names, ranges; and their short ways."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal, InvalidOperation
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

__all__ = ["Choice", "Day", "Domain", "Duration", "Money", "Name", "Part", "Range", "Share", "Wrong", "complain"]


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
    if not isinstance(value, list | tuple):
        return value
    if len(value) not in (2, 3) or any(isinstance(end, str | bool) or end is None for end in value[:2]):
        message = "a range is written [low, high] or [low, high, log]; values to choose from as {choices: [a, b]}"
        raise ValueError(message)
    return dict(zip(("low", "high", "scale"), value, strict=False))


def _kind(value: object) -> str:
    """Tell which form of a parameter's domain was meant, so that one mistake gives one message."""
    if isinstance(value, Choice) or (isinstance(value, dict) and "choices" in value):
        return "choice"
    if isinstance(value, Range | dict | list | tuple):
        return "range"
    return "value"


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


class Range(Part):
    """Numbers between two ends, evenly or on a logarithmic scale; whole numbers when both ends are."""

    low: float | int
    """The lower end, itself possible."""
    high: float | int
    """The upper end, itself possible."""
    scale: Scale = "linear"
    """`log` where a factor matters and not a difference, as for a learning rate."""

    @model_validator(mode="after")
    def _sensible(self, info: ValidationInfo) -> Self:
        wrongs: list[Wrong] = []
        if self.low >= self.high:
            wrongs.append(((), [self.low, self.high], "the low end must lie below the high end"))
        if self.scale == "log" and self.low <= 0:
            wrongs.append(((), [self.low, self.high, self.scale], "a logarithmic range starts above 0"))
        return complain(self, wrongs, info)


class Choice(Part):
    """One of several values."""

    choices: tuple[str | int | float | bool, ...] = Field(min_length=1)
    """What may be chosen."""


_RangeList = tuple[float, float] | tuple[float, float, Scale]
Domain = Annotated[
    Annotated[Range, BeforeValidator(_range, json_schema_input_type=Range | _RangeList), Tag("range")]
    | Annotated[Choice, Tag("choice")]
    | Annotated[str | int | float | bool, Tag("value")],
    Discriminator(_kind),
]
