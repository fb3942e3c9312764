"""One check of `mlray doctor`: what was looked at, what was found, and what helps."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum

from mlray.errors import MlrayError

__all__ = ["Ailment", "Look", "State", "examine", "fine", "ill", "poor"]


class State(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Ailment:
    """What one check found."""

    check: str
    state: State
    finding: str
    remedy: str = ""

    def to_json(self) -> dict[str, str]:
        """Return it as JSON values."""
        return {name: str(value) for name, value in asdict(self).items()}


Look = Callable[[], Ailment | Iterable[Ailment] | None]
"""What looks at one thing; None where there is no such thing here."""


def fine(check: str, finding: str) -> Ailment:
    """Return that nothing is wrong."""
    return Ailment(check, State.OK, finding)


def poor(check: str, finding: str, remedy: str) -> Ailment:
    """Return something that works, but not well or not everywhere."""
    return Ailment(check, State.WARN, finding, remedy)


def ill(check: str, finding: str, remedy: str) -> Ailment:
    """Return something that will make a command fail."""
    return Ailment(check, State.FAIL, finding, remedy)


def examine(check: str, look: Look) -> list[Ailment]:
    """Return what `look` finds. That it cannot look is a finding too: one odd machine must not end the whole visit."""
    try:
        found = look()
        return [] if found is None else [found] if isinstance(found, Ailment) else list(found)
    except MlrayError as error:
        return [ill(check, error.problem, error.remedy)]
    except Exception as error:  # noqa: BLE001 (whatever it is, the other checks go on)
        return [poor(check, f"could not be looked at: {type(error).__name__}: {error}", "")]
