"""Iceberg tables as sources: the place that a section names, and the state that it is in."""

from mlray.data._iceberg import Place
from mlray.data.sources._secrets import with_environment
from mlray.spec import SourceSpec

__all__ = ["place_of", "snapshot"]

_STATES = ("snapshot", "ref")


def place_of(spec: SourceSpec) -> Place:
    """Return the table that `spec` names, with the catalog's properties; secrets come from the environment."""
    options = {name: with_environment(value) for name, value in spec.options.items()}
    state = options.get("ref") or options.get("snapshot")
    return Place(
        spec.table or "",
        spec.iceberg or "default",
        {name: value for name, value in options.items() if name not in _STATES},
        int(state) if state and "snapshot" in options and state.isdecimal() else state,
    )


def snapshot(spec: SourceSpec) -> str:
    """Return the id of the newest state; empty for a table that nobody wrote to.

    Raises:
        NotFoundError: there is no such table.
        StoreError: the catalog does not answer.
    """
    from mlray.data.on_iceberg import IcebergTable

    head = IcebergTable(place_of(spec)).head()
    return str(head.id) if head else ""
