"""What a run brought."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from mlray.ids import Json
from mlray.journal import Entry
from mlray.records import Act, Decision, Endpoint

__all__ = ["RunResult", "decisions_in", "outcomes_in"]


def decisions_in(entries: Sequence[Entry]) -> list[Decision]:
    """Return the decisions among journal entries, in order."""
    return [Decision.from_json(entry.data) for entry in entries if entry.kind == "decision"]


def outcomes_in(entries: Sequence[Entry]) -> dict[str, str]:
    """Return what came of each decision, by the decision's id."""
    return {str(entry.data["decision"]): str(entry.data["result"]) for entry in entries if entry.kind == "outcome"}


@dataclass(frozen=True)
class RunResult:
    """Everything a run leaves behind: what was decided, where the endpoint is, how long each stage took."""

    decisions: Sequence[Decision]
    outcomes: Mapping[str, str]
    """What came of each decision, by its id."""
    costs: Mapping[str, Decimal]
    """What each retraining really cost, by its decision's id."""
    endpoint: Endpoint
    report: Path
    seconds: Mapping[str, float]
    """Wall seconds by stage."""
    requests: int
    kept: bool
    """Whether the endpoint is still up."""
    injected: frozenset[str] = frozenset()
    """Ids of the decisions that dealt with a fault put in on purpose."""

    def to_json(self) -> dict[str, Json]:
        """Return the result as JSON values."""
        return {
            "decisions": [
                {**decision.to_json(), "result": self.outcomes.get(decision.id, "")} for decision in self.decisions
            ],
            "costs": {key: str(amount) for key, amount in self.costs.items()},
            "endpoint": self.endpoint.to_json(),
            "report": str(self.report),
            "seconds": dict(self.seconds),
            "requests": self.requests,
            "kept": self.kept,
            "injected": sorted(self.injected),
        }

    def __str__(self) -> str:
        """Return one line for a person."""
        count = {act: sum(decision.act is act for decision in self.decisions) for act in Act}
        told = ", ".join(f"{number} × {act}" for act, number in count.items() if number)
        return f"{len(self.decisions)} decisions ({told}); {self.endpoint}; report: {self.report}"

    def _repr_html_(self) -> str:
        """Show the decisions as a table, for notebooks."""
        from html import escape

        rows = "".join(
            f"<tr><td>{d.at:%Y-%m-%d}</td><td>{d.act}</td><td style='text-align:left'>{escape(d.because)}</td>"
            f"<td style='text-align:left'>{escape(self.outcomes.get(d.id, ''))}</td></tr>"
            for d in self.decisions
        )
        return f"<table><tr><th>date</th><th>act</th><th>because</th><th>result</th></tr>{rows}</table>"
