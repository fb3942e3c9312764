"""The dataset store: content-named files, and versions that only one writer can create."""

from mlray.data.store._store import Draft, Store
from mlray.data.store.storage import Info, LocalStorage, Storage, open_storage

__all__ = ["Draft", "Info", "LocalStorage", "Storage", "Store", "open_storage"]
