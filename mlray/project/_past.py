"""What the journal says about versions that were live: where a rollback leads, and what is not deployed again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlray.coordinator.state import State, after
from mlray.ids import Json
from mlray.journal import Entry
from mlray.records import Act, Decision

__all__ = ["Past", "of_project", "past"]

LEFT = "left"
"""In the evidence of a decision: the version that a person went back from."""


@dataclass(frozen=True)
class Past:
    """Which versions were live, in their order, and which proved bad."""

    lives: tuple[int, ...]
    bad: frozenset[int]
    """Rolled back, rejected, or left by a rollback, and not live again since."""

    @property
    def first(self) -> int | None:
        """The first version that was ever live."""
        return self.lives[0] if self.lives else None

    @property
    def previous(self) -> int | None:
        """The last version that was live before the present one and has not proved bad; None when there is none."""
        earlier = [version for version in self.lives if version != self.lives[-1] and version not in self.bad]
        return earlier[-1] if earlier else None


def of_project(entries: Iterable[Entry], name: str) -> list[Entry]:
    """Return the entries about the project `name` itself: several projects may share a journal."""
    return [entry for entry in entries if entry.subject == name or entry.subject.startswith(f"{name}/")]


def past(entries: Sequence[Entry]) -> Past:
    """Return what one project's decisions and their outcomes say about its versions."""
    state, lives, bad = State(), list[int](), set[int]()
    for entry in entries:
        if entry.kind == "decision":
            bad |= _proved_bad(Decision.from_json(entry.data))
        before, state = state.live, after(state, entry)
        if state.live is not None and state.live != before:
            lives.append(state.live)
            bad.discard(state.live)
    return Past(tuple(lives), frozenset(bad))


def _proved_bad(decision: Decision) -> set[int]:
    if decision.act in (Act.ROLL_BACK, Act.REJECT):
        return _number(decision.evidence.get("version"))
    return _number(decision.evidence.get(LEFT)) if decision.act is Act.PROMOTE else set()


def _number(value: Json) -> set[int]:
    return {int(value)} if isinstance(value, int | float) else set()
