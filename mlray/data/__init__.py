"""Data: sources read through a contract into dataset versions that never change."""

from mlray.data._ingest import Run, ingest
from mlray.data.contract import Before, Checked, Contract
from mlray.data.crawl import SourceState, Verdict, look
from mlray.data.scan import Scanned, ScanPart, Window, scan_here
from mlray.data.store import Draft, Store

__all__ = [
    "Before",
    "Checked",
    "Contract",
    "Draft",
    "Run",
    "ScanPart",
    "Scanned",
    "SourceState",
    "Store",
    "Verdict",
    "Window",
    "ingest",
    "look",
    "scan_here",
]
