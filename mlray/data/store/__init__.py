"""The dataset store: content-named files, and versions that only one writer can create."""

from mlray.data.store._store import Store
from mlray.data.store._version import Draft
from mlray.data.store.storage import Info, LocalStorage, Storage, open_storage

__all__ = ["Draft", "Info", "LocalStorage", "Storage", "Store", "open_storage"]
