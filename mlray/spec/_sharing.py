"""The section `sharing`: what a tenant may claim of a cluster that several share."""

from collections.abc import Iterator
from re import fullmatch
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, ValidationInfo, model_validator

from mlray.spec._forms import Name, Part, Wrong, complain

__all__ = ["Claim", "Sharing", "Size", "parse_size"]

_UNITS = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "TIB": 2**40,
}


def parse_size(text: str) -> int:
    """Return the number of bytes that `text` names: a number and B, KB, MB, GB, TB, or KiB, MiB, GiB, TiB.

    >>> parse_size("16 GB"), parse_size("1.5 KiB")
    (16000000000, 1536)
    """
    found = fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]+)\s*", text)
    if found is None or found[2].upper() not in _UNITS:
        message = f"'{text}' is not an amount of memory; write a number and a unit, such as '16 GB'"
        raise ValueError(message)
    return round(float(found[1]) * _UNITS[found[2].upper()])


def _size(value: object) -> object:
    return parse_size(value) if isinstance(value, str) else value


_SizeText = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)? ?([kKmMgGtT][iI]?)?[bB]$")]
_Bytes = Annotated[int, Field(ge=0)]
Size = Annotated[
    int,
    Field(ge=0, examples=["16 GB"]),
    BeforeValidator(_size, json_schema_input_type=_Bytes | _SizeText),
]
"""An amount of memory in bytes, written as `16 GB` or as a whole number of bytes."""


class Claim(Part):
    """An amount of each resource; what is left out is 0 in a guarantee, and without limit in a maximum."""

    cpu: float | None = Field(default=None, ge=0)
    """CPUs."""
    gpu: float | None = Field(default=None, ge=0)
    """GPUs, fractions as well."""
    memory: Size | None = None
    """Memory, such as `16 GB`."""


class Sharing(Part):
    """On what terms this project's sweeps share the cluster with others. An operator's own file comes before it."""

    tenant: Name = "default"
    """In whose name sweeps run: those of one tenant share what it is granted."""
    weight: float = Field(default=1.0, gt=0, le=1_000)
    """A tenant of weight 2 gets twice as much as one of weight 1 where both want more than there is."""
    guarantee: Claim = Claim()
    """What the tenant gets back at the next rung of whoever uses it, however busy the cluster is."""
    maximum: Claim | None = None
    """What the tenant never exceeds, even on an idle cluster."""
    priority: int = Field(default=50, ge=0, le=100)
    """Tenants of higher priority are served first; guarantees hold for all."""

    @model_validator(mode="after")
    def _sensible(self, info: ValidationInfo) -> Self:
        return complain(self, self._wrongs(), info)

    def _wrongs(self) -> Iterator[Wrong]:
        if self.maximum is None:
            return
        for name in ("cpu", "gpu", "memory"):
            least, most = getattr(self.guarantee, name), getattr(self.maximum, name)
            if most is not None and (least or 0) > most:
                yield ("guarantee", name), least, f"more than the maximum, {most:g}, can never be granted"
            elif name == "cpu" and most == 0:
                yield ("maximum", name), most, "a lane needs a CPU, or a share of one"
