"""Starting a Ray of our own, joining one that runs, and leaving nothing behind."""

from mlray.coordinator.cluster._birth import birth
from mlray.coordinator.cluster._kept import Kept, read_kept
from mlray.coordinator.cluster._settings import NAMESPACE, Local, environment, local_settings

__all__ = ["NAMESPACE", "Kept", "Local", "birth", "environment", "local_settings", "read_kept"]
