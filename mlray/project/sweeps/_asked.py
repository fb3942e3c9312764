"""What a caller of `mlray.sweep` said, checked: every fault is told before anything starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

from mlray.errors import InputError, NotFoundError, SpecError
from mlray.experiments import BUILT_IN, Search, Space
from mlray.ids import new_id
from mlray.leases import Terms
from mlray.plugins import names
from mlray.ports import Progress
from mlray.spec import Model, model_of, read_domains

__all__ = [
    "FOLDER",
    "Asked",
    "by_trainer",
    "check_trainers",
    "domains_of",
    "journal_of",
    "price_of",
    "search_of",
    "spec_of",
]

FOLDER = Path(".mlray") / "sweeps"
"""Where journals lie when nothing else is said: where a project in this folder would have them."""
_DOMAIN_KEYS = {"choices", "range", "low", "high", "when"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What every kind of sweep is told."""

    model: Model
    search: object
    """A word, a search, or one of Ray Tune's searchers."""
    folder: Path
    resumed: Path | None
    price: Decimal
    """USD of one CPU for one second."""
    tenant: str
    terms: Terms | None
    progress: Progress

    @property
    def name(self) -> str:
        """What the sweep is called: anew, or as it was."""
        return self.resumed.stem if self.resumed else new_id("sweep")


def spec_of(values: Mapping[str, object], trainers: Mapping[str, object]) -> Model:
    """Return the section `model` for what was said; what is None was not said. SpecError as of `model_of`."""
    return model_of({**{key: value for key, value in values.items() if value is not None}, "trainers": trainers})


def by_trainer(space: object, trainer: str) -> dict[str, Mapping[str, object]]:
    """Return trainer → parameter → domain: `space` itself, or `space` as the one of `trainer`.

    Raises:
        SpecError: it is no mapping, or partly of one kind and partly of the other.

    >>> by_trainer({"max_depth": [3, 9]}, "xgboost")
    {'xgboost': {'max_depth': [3, 9]}}
    """
    if space is None:
        return {trainer: {}}
    if not isinstance(space, Mapping):
        raise SpecError(
            [f"space is {space!r}, not parameter → range."], remedy='Write {"max_depth": [3, 9]}, or one per trainer.'
        )
    sections = [key for key, value in space.items() if isinstance(value, Mapping) and not _DOMAIN_KEYS & set(value)]
    if not sections:
        return {trainer: dict(space)}
    others = [str(key) for key in space if key not in sections]
    if others:
        named, mixed = ", ".join(map(str, sections)), ", ".join(others)
        raise SpecError(
            [f"space holds trainers ({named}) and parameters ({mixed}) side by side."],
            remedy='Write {"trainer": {"parameter": …}} for all of them.',
        )
    return {str(key): dict(space[key]) for key in sections}


def domains_of(space: Mapping[str, object]) -> dict[str, Any]:
    """Return parameter → domain for plain forms and for `ray.tune`'s own; SpecError where one is neither."""
    if any(_of_tune(value) for value in space.values()):
        from mlray.experiments.tune.on_ray import from_tune

        return dict(from_tune(space))
    return dict(read_domains(space))


def _of_tune(value: object) -> bool:
    if isinstance(value, Mapping):
        return "grid_search" in value or any(_of_tune(part) for part in value.values())
    return type(value).__module__.startswith("ray.")


def check_trainers(trainers: Mapping[str, object]) -> None:
    """Refuse names that are no trainers; SpecError with the closest."""
    known = (*BUILT_IN, *names("trainers"))
    for name in trainers:
        if name not in known and ":" not in name:
            near = get_close_matches(name, known, n=1, cutoff=0.3)
            hint = f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(known)}; or package.module:Name."
            raise SpecError([f"space: '{name}' is not a trainer."], remedy=hint)


def search_of(search: object, spaces: Sequence[Space], seed: int, *, higher: bool) -> Search | None:
    """Return the search that was passed; None where a word or nothing was, which the model's `searcher` holds.

    Raises:
        InputError: it neither asks and tells nor is one of Ray Tune's searchers.
    """
    if search is None or isinstance(search, str):
        return None
    if hasattr(search, "ask") and hasattr(search, "tell"):
        return cast("Search", search)
    if hasattr(search, "suggest") and hasattr(search, "on_trial_complete"):
        from mlray.experiments.tune.on_ray import Tuned

        return Tuned(cast("Any", search), spaces, seed=seed, higher=higher)
    raise InputError(
        f"search is {search!r}, which cannot search.",
        remedy="Pass 'tpe', 'random', an object with ask and tell, or one of ray.tune.search.",
    )


def price_of(price: str | float | Decimal | None) -> Decimal:
    """Return USD for one CPU for one second; `price` is for an hour, and the price book `laptop` is asked without.

    Raises:
        InputError: it is no amount of money.

    >>> price_of("3.60 USD")
    Decimal('0.001')
    """
    if price is None:
        from mlray.costs import PriceBook

        return PriceBook.load("laptop").compute("laptop", 1.0, cpus=1)
    number = str(price).strip().removesuffix("USD").strip()
    try:
        amount = Decimal(number)
    except InvalidOperation:
        amount = Decimal(-1)
    if isinstance(price, bool) or not amount.is_finite() or amount < 0:
        raise InputError(f"price is {price!r}, not what a CPU costs for an hour.", remedy="Write 0.05 or '0.05 USD'.")
    return amount / 3600


def journal_of(resume: Path | str | None, folder: Path) -> Path | None:
    """Return the journal that `resume` names: a file, or a sweep in `folder`; NotFoundError where there is none."""
    if resume is None:
        return None
    path = Path(resume)
    found = path if path.suffix == ".jsonl" else folder / f"{resume}.jsonl"
    if not found.is_file():
        known = [one.stem for one in folder.glob("*.jsonl")]
        near = get_close_matches(path.stem, known, n=1, cutoff=0.3)
        hint = f"Did you mean '{near[0]}'?" if near else f"`mlray sweep list --folder {folder}` names them."
        raise NotFoundError(f"There is no sweep to resume: {found}.", remedy=hint)
    return found
