"""Every error that mlray raises on purpose.

::

    MlrayError                  carries `problem`, `remedy` and an exit code
    ├── InputError       (2)    what was given is wrong
    │   ├── SpecError           a project file; one entry in `problems` per fault
    │   ├── DataError           a file, a row or a column that its contract does not allow
    │   │   └── RecoveryRefused a squashed version whose values nothing gives any more; `lost` names them
    │   ├── ConflictError       an edit of rows that somebody else changed since they were read
    │   ├── RequestError        a request to an endpoint; carries an HTTP status
    │   └── NotFoundError       a name that does not exist
    ├── UnavailableError (3)    something outside cannot be reached or is damaged
    │   ├── JournalError        the journal cannot be written, or its chain is broken
    │   └── StoreError          the dataset store cannot be read or written
    └── Refusal          (4)    not a failure: a policy said no, and an event tells why
        ├── OverBudget
        ├── GateRefusal
        ├── SourcePaused
        └── AccessDenied
"""

from collections.abc import Sequence

__all__ = [
    "AccessDenied",
    "ConflictError",
    "DataError",
    "GateRefusal",
    "InputError",
    "JournalError",
    "MlrayError",
    "NotFoundError",
    "OverBudget",
    "RecoveryRefused",
    "Refusal",
    "RequestError",
    "SourcePaused",
    "SpecError",
    "StoreError",
    "UnavailableError",
]


class MlrayError(Exception):
    """The root of the tree: what was seen, and what to do about it."""

    exit_code = 1

    def __init__(self, problem: str, *, remedy: str = "") -> None:
        """Keep `problem` (with the value that was seen) and `remedy` (the next command or the closest valid value)."""
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        """Return the problem and, where there is one, the remedy."""
        return f"{self.problem} {self.remedy}".strip()

    def __reduce__(self) -> tuple[object, ...]:
        """Let the error cross a process border whole: Ray pickles what a task raises."""
        return (_rebuild, (type(self), self.problem, self.remedy, dict(self.__dict__)))


def _rebuild(kind: type[MlrayError], problem: str, remedy: str, state: dict[str, object]) -> MlrayError:
    error = kind.__new__(kind)
    Exception.__init__(error, problem)
    error.__dict__.update(state, problem=problem, remedy=remedy)
    return error


class InputError(MlrayError):
    """What was given is wrong; the same call will fail again."""

    exit_code = 2


class SpecError(InputError):
    """A project file is wrong; every fault found is listed at once."""

    def __init__(self, problems: Sequence[str], *, remedy: str = "") -> None:
        """Keep `problems`, one line each with file and line number."""
        super().__init__("\n".join(problems), remedy=remedy)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        """Return one fault per line, the remedy last."""
        return "\n".join([*self.problems, *([self.remedy] if self.remedy else [])])


class DataError(InputError):
    """A file, a row or a column that its contract does not allow."""


class RecoveryRefused(DataError):
    """A squashed version cannot be rebuilt exactly: never is something else given for it."""

    def __init__(self, problem: str, *, remedy: str = "", lost: Sequence[str] = ()) -> None:
        """Keep `lost`, one entry for each column and range of rows of which values are lost."""
        super().__init__(problem, remedy=remedy)
        self.lost = tuple(lost)


class ConflictError(InputError):
    """An edit that would undo what somebody else committed since the rows were read; read them again first."""


class RequestError(InputError):
    """A request that an endpoint cannot answer."""

    def __init__(
        self,
        problem: str,
        *,
        remedy: str = "",
        status: int = 422,
        code: str = "invalid_input",
        column: str = "",
        row: int = -1,
    ) -> None:
        """Keep the HTTP `status`, a stable `code`, and the column and row (from 0; -1 for none) at fault."""
        super().__init__(problem, remedy=remedy)
        self.status = status
        self.code = code
        self.column = column
        self.row = row


class NotFoundError(InputError):
    """A name that does not exist."""


class UnavailableError(MlrayError):
    """Something outside cannot be reached or is damaged; the same call may succeed later."""

    exit_code = 3


class JournalError(UnavailableError):
    """The journal cannot be written, or its chain is broken."""


class StoreError(UnavailableError):
    """The dataset store cannot be read or written."""


class Refusal(MlrayError):
    """A policy said no. Not a failure: the reason is an event in the journal."""

    exit_code = 4


class OverBudget(Refusal):
    """The price exceeds what the budget has left."""


class GateRefusal(Refusal):
    """A model did not pass its gates."""


class SourcePaused(Refusal):
    """Nothing is ingested: a source broke its contract, and a person has not yet let it go on."""


class AccessDenied(Refusal):
    """The key is missing, unknown or not allowed to do this."""
