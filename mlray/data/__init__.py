"""Data: sources read through a contract into dataset versions that never change."""

from mlray.data.contract import Checked, Contract
from mlray.data.store import Draft, Store

__all__ = ["Checked", "Contract", "Draft", "Store"]
