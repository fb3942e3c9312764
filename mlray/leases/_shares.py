"""The operator's file: the terms of every tenant, whatever the tenants themselves claim.

tenants:
pricing: {weight: 2, guarantee: {cpu: 4}, maximum: {cpu: 16, memory: 64 GiB}, priority: 60}
others: {maximum: {cpu: 8}}
"""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches

from mlray.errors import InputError, SpecError
from mlray.ids import Json
from mlray.leases._terms import Resources, Terms

__all__ = ["Shares", "read_shares", "read_terms", "terms_json"]

_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*(" + "|".join(name for name in _UNITS if name) + ")?")
_AMOUNTS = ("cpu", "gpu", "memory")
_TERMS = ("guarantee", "weight", "maximum", "priority")


@dataclass(frozen=True, slots=True)
class Shares:
    """Whose terms an operator has set."""

    tenants: Mapping[str, Terms] = field(default_factory=dict)
    others: Terms | None = None
    """For everybody else; None lets everybody else claim what it likes, as long as there is no file."""

    def terms(self, tenant: str, claimed: Terms | None = None) -> Terms:
        """Return what is in force for a tenant that claims `claimed`."""
        return self.tenants.get(tenant) or self.others or claimed or Terms()


def read_shares(content: str, where: str) -> Shares:
    """Return what an operator's file says; `where` names it in errors.

    Raises:
        SpecError: one entry per fault.
    """
    import yaml  # here, since most brokers have no file to read

    try:
        found = yaml.safe_load(content) or {}
    except yaml.YAMLError as error:
        raise SpecError([f"{where}: not YAML: {error}"], remedy="See `mlray.leases` for an example.") from error
    faults: list[str] = []
    given = _mapping(found, where, ("tenants", "others"), faults)
    tenants = _mapping(given.get("tenants") or {}, f"{where}: tenants", None, faults)
    terms = {name: _terms(value, f"{where}: tenants.{name}", faults) for name, value in tenants.items()}
    others = _terms(given.get("others") or {}, f"{where}: others", faults)
    if faults:
        raise SpecError(faults, remedy="Until the file is right, the terms that it had before stay in force.")
    return Shares(terms, others)


def read_terms(given: object, where: str) -> Terms:
    """Return the terms that a mapping names, as a tenant claims them in its own project file.

    >>> read_terms({"weight": 2, "maximum": {"cpu": 4}}, "mlray.yaml: sharing").weight
    2.0

    Raises:
        SpecError: one entry per fault.
    """
    faults: list[str] = []
    terms = _terms(given, where, faults)
    if faults:
        raise SpecError(faults)
    return terms


def terms_json(terms: Terms) -> dict[str, Json]:
    """Return terms as `read_terms` reads them."""
    found: dict[str, Json] = {"weight": terms.weight, "priority": terms.priority}
    for name, amount in (("guarantee", terms.guarantee), ("maximum", terms.maximum)):
        if amount is not None:
            found[name] = {each: value for each, value in asdict(amount).items() if value < math.inf}
    return found


def _terms(given: object, where: str, faults: list[str]) -> Terms:
    before = len(faults)
    found = _mapping(given, where, _TERMS, faults)
    guarantee = _amounts(found.get("guarantee") or {}, f"{where}.guarantee", 0.0, faults)
    maximum = _amounts(found["maximum"], f"{where}.maximum", math.inf, faults) if found.get("maximum") else None
    weight = _number(found.get("weight", 1), f"{where}.weight", faults)
    priority = _number(found.get("priority", 50), f"{where}.priority", faults)
    if len(faults) > before:
        return Terms()
    try:
        return Terms(guarantee, weight, maximum, int(priority))
    except InputError as error:
        faults.append(f"{where}: {error}")
        return Terms()


def _amounts(given: object, where: str, missing: float, faults: list[str]) -> Resources:
    found = _mapping(given, where, _AMOUNTS, faults)
    return Resources(*(_number(found.get(name, missing), f"{where}.{name}", faults) for name in _AMOUNTS))


def _number(value: object, where: str, faults: list[str]) -> float:
    """Return an amount; bytes may carry a unit."""
    found = _AMOUNT.fullmatch(value.strip()) if isinstance(value, str) else None
    number = float(found[1]) * _UNITS[found[2] or ""] if found is not None else value
    if isinstance(number, bool) or not isinstance(number, int | float) or math.isnan(number):
        faults.append(f"{where}: {value!r} is no amount; write a number, of bytes also with a unit such as '16 GiB'.")
        return 0.0
    return float(number)


def _mapping(given: object, where: str, known: tuple[str, ...] | None, faults: list[str]) -> Mapping[str, object]:
    if not isinstance(given, Mapping):
        faults.append(f"{where}: {given!r} is no mapping of names to values.")
        return {}
    for name in given:
        if known is not None and name not in known:
            near = get_close_matches(str(name), known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}."
            faults.append(f"{where}: '{name}' is unknown; {hint}")
    return {str(name): value for name, value in given.items()}
