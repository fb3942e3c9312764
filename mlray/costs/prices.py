"""Price books: what a node costs by the hour, with the source and the date of every figure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mlray.costs._money import exact
from mlray.errors import InputError, NotFoundError, SpecError

__all__ = ["NodeType", "PriceBook"]

_BOOKS = Path(__file__).parent / "books"
_HOUR = Decimal(3600)

Market = Literal["on_demand", "spot"]


class NodeType(BaseModel):
    """One type of node: what it has, and its price by the hour."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cpus: Decimal = Field(gt=0, allow_inf_nan=False)
    memory_gib: Decimal = Field(gt=0, allow_inf_nan=False)
    gpus: int = Field(default=0, ge=0)
    gpu: str = ""
    """The kind of GPU, such as `L4`; empty without one."""
    on_demand: Decimal = Field(ge=0, allow_inf_nan=False)
    spot: Decimal | None = Field(default=None, ge=0, allow_inf_nan=False)
    """What the node typically costs while the provider may take it back; None where there is no such offer."""
    source: str = ""
    """Where the figure was seen, if not where the book says."""


class _Book(BaseModel):
    """The file as it is written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    book: str = Field(min_length=1)
    currency: Literal["USD"]
    date: date
    region: str = ""
    source: str = Field(min_length=1)
    basis: str = ""
    nodes: dict[str, NodeType] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class PriceBook:
    """What nodes cost, by type; made by `load`.

    >>> book = PriceBook.load("laptop")
    >>> book.hourly("laptop")
    Decimal('0.05')
    >>> book.compute("laptop", seconds=90, cpus=2)
    Decimal('0.002500000')
    """

    name: str
    currency: str
    date: date
    """The day the figures were noted."""
    region: str
    source: str
    basis: str
    nodes: Mapping[str, NodeType]

    @classmethod
    def load(cls, name_or_path: str | Path, *, folder: Path | None = None) -> Self:
        """Return the book that comes with mlray under this name, or the one in a YAML file (relative to `folder`).

        Raises:
            NotFoundError: neither; the remedy lists what comes with mlray.
            SpecError: the file is not a price book; lists every fault with its place.
        """
        known = {book.stem: book for book in sorted(_BOOKS.glob("*.yaml"))}
        path = known.get(str(name_or_path)) or (folder or Path()) / name_or_path
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise NotFoundError(
                f"'{name_or_path}' is neither a price book that comes with mlray nor a file that can be read ({path}).",
                remedy=f"Known books: {', '.join(known)}; or name a YAML file such as cluster/prices/aws.yaml.",
            ) from error
        book = _parse(path, text)
        return cls(book.book, book.currency, book.date, book.region, book.source, book.basis, book.nodes)

    def node(self, name: str) -> NodeType:
        """Return what is known of the node type `name`.

        Raises:
            NotFoundError: the book does not have it; the remedy names the closest.
        """
        if name in self.nodes:
            return self.nodes[name]
        close = get_close_matches(name, self.nodes, n=1, cutoff=0.5)
        guess = f"Did you mean '{close[0]}'? " if close else ""
        raise NotFoundError(
            f"Node type '{name}' is not in the price book '{self.name}'.",
            remedy=f"{guess}It has: {', '.join(self.nodes)}.",
        )

    def hourly(self, node: str, *, market: Market = "on_demand") -> Decimal:
        """Return the price of one node for one hour.

        Raises:
            NotFoundError: the book does not have the node type, or no spot price for it.
        """
        kind = self.node(node)
        if market == "on_demand":
            return kind.on_demand
        if kind.spot is None:
            raise NotFoundError(
                f"The price book '{self.name}' has no spot price for '{node}'.", remedy="Use on_demand, or add `spot`."
            )
        return kind.spot

    def compute(
        self,
        node: str,
        seconds: float,
        *,
        cpus: float | None = None,
        gpus: float | None = None,
        market: Market = "on_demand",
    ) -> Decimal:
        """Return what holding `cpus` and `gpus` of such nodes for `seconds` costs; one whole node if neither is given.

        Work pays for the scarcest thing that it holds: one of one GPUs makes a node useless to others, whatever CPUs
        are left. This is the dominant share of Ghodsi et al., "Dominant Resource Fairness", NSDI 2011. The result is
        exact to a billionth.

        Raises:
            NotFoundError: the book does not have the node type, or GPUs are asked of one without.
            InputError: a time or a number of CPUs or GPUs that is negative or not finite; an absurd amount.
        """
        kind = self.node(node)
        for what, held in (("seconds", seconds), ("cpus", cpus), ("gpus", gpus)):
            if held is not None and not 0 <= held < math.inf:
                raise InputError(f"{what} is {held}.", remedy="Pass a finite number, 0 or more.")
        if gpus and not kind.gpus:
            raise NotFoundError(f"Node type '{node}' has no GPU.", remedy="Choose one with `gpus` in the price book.")
        shares = [Decimal(str(cpus)) / kind.cpus] if cpus is not None else []
        shares += [Decimal(str(gpus)) / kind.gpus] if gpus else []
        share = max(shares, default=Decimal(1))
        return exact(self.hourly(node, market=market) * share * Decimal(str(seconds)) / _HOUR)


def _parse(path: Path, text: str) -> _Book:
    try:
        return _Book.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise SpecError([f"{path}{line}: not YAML: {getattr(error, 'problem', error)}."], remedy="Mend it.") from error
    except ValidationError as error:
        faults = [f"{path}: {'.'.join(map(str, f['loc'])) or 'the file'}: {f['msg']}" for f in error.errors()]
        raise SpecError(faults, remedy="cluster/prices/aws.yaml shows how a price book is written.") from error
