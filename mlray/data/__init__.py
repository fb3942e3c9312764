"""Data: sources read through a contract into dataset versions that never change."""

from mlray.data._catalog import Catalog, ContractVersion
from mlray.data._ingest import Run, ingest
from mlray.data._quality import RuleResult, RuleTally
from mlray.data._replay import replay
from mlray.data._views import View
from mlray.data.contract import Before, Checked, Contract
from mlray.data.crawl import Known, Looked, SourceState, Thing, Verdict, checkup, due, look, next_look
from mlray.data.plan import Plan, PlanResult, call, col
from mlray.data.scan import Scanned, ScanPart, Window, scan_here
from mlray.data.snapshot import Snapshot, commit
from mlray.data.store import Draft, Store
from mlray.data.table import Table

__all__ = [
    "Before",
    "Catalog",
    "Checked",
    "Contract",
    "ContractVersion",
    "Draft",
    "Known",
    "Looked",
    "Plan",
    "PlanResult",
    "RuleResult",
    "RuleTally",
    "Run",
    "ScanPart",
    "Scanned",
    "Snapshot",
    "SourceState",
    "Store",
    "Table",
    "Thing",
    "Verdict",
    "View",
    "Window",
    "call",
    "checkup",
    "col",
    "commit",
    "due",
    "ingest",
    "look",
    "next_look",
    "replay",
    "scan_here",
]
