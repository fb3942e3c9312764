"""The dataset store: content-named files, and versions that only one writer can create."""

from mlray.data.store._compact import Limits, compact
from mlray.data.store._diff import Diff, changes, diff
from mlray.data.store._export import export_version
from mlray.data.store._recover import lost_of, recover, rows_of
from mlray.data.store._squash import squash
from mlray.data.store._squashed import Squashed
from mlray.data.store._store import Store
from mlray.data.store._sweep import Swept, gc, verify
from mlray.data.store._usage import Usage, VersionUsage, usage
from mlray.data.store._version import Draft
from mlray.data.store.storage import Info, LocalStorage, Storage, open_storage

__all__ = [
    "Diff",
    "Draft",
    "Info",
    "Limits",
    "LocalStorage",
    "Squashed",
    "Storage",
    "Store",
    "Swept",
    "Usage",
    "VersionUsage",
    "changes",
    "compact",
    "diff",
    "export_version",
    "gc",
    "lost_of",
    "open_storage",
    "recover",
    "rows_of",
    "squash",
    "usage",
    "verify",
]
