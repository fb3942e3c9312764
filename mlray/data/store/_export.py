"""Versions as plain files: a folder of Parquet that anything reads."""

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from mlray.data._layout import stored
from mlray.data.store._blobs import ROW_GROUP
from mlray.data.store._recover import rows_of
from mlray.data.store._types import type_of
from mlray.errors import AccessDenied, InputError, StoreError
from mlray.records import DatasetVersion

if TYPE_CHECKING:
    from mlray.data.snapshot import View
    from mlray.data.store import Store

__all__ = ["export_parquet", "export_version"]


def export_version(
    store: "Store", version: DatasetVersion, target: str, form: str = "parquet", view: "View | None" = None
) -> list[str]:
    """Write a version for other tools: into a folder (`parquet`), or as an Iceberg table's newest state (`iceberg`).

    Returns the names of what was written. With a `view`, as a reader may see it, which only Parquet can be.

    Raises:
        AccessDenied: the view leaves no column.
        InputError: the form is unknown, the target is none of its kind, or pyiceberg is missing.
    """
    if form == "parquet":
        return [str(path) for path in export_parquet(store, version, Path(target), view)]
    if form == "iceberg" and view is not None:
        raise InputError(
            "An Iceberg table is a mirror of all that a version has; a view of it is written as Parquet.",
            remedy="Write --format parquet.",
        )
    if form == "iceberg":
        from mlray.data.mirror import mirror

        return [f"{target.partition('?')[0]} snapshot {mirror(store, version, target).id}"]
    raise InputError(f"'{form}' is no format to export to.", remedy="Write parquet or iceberg.")


def export_parquet(store: "Store", version: DatasetVersion, folder: Path, view: "View | None" = None) -> list[Path]:
    """Write the rows of a version, squashed or not, as Parquet files into a folder, which is made; return the files.

    One file for each fragment, `part-00000.parquet` and on; file metadata name version and digest. A file is whole or
    not there, and files of an earlier export are replaced only where they have the same names. With a `view`, what is
    written is what the reader may see.

    Raises:
        AccessDenied: the view leaves no column.
        InputError: the folder is a file, or holds other files.
        RecoveryRefused: the version is squashed and cannot be rebuilt; nothing is left in the folder then.
        StoreError: the folder cannot be written.
    """
    _empty(folder)
    whole = pa.schema([(column.name, type_of(column.type)) for column in version.columns])
    plain = _seen(whole.empty_table(), view).schema
    if not plain.names:
        raise AccessDenied(f"The view shows no column of {version.name}.", remedy="`data.views` says who sees what.")
    schema = plain.with_metadata({"mlray.version": version.name, "mlray.digest": version.digest})
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for place, rows in enumerate(rows_of(store, version)):
            path = folder / f"part-{place:05}.parquet"
            _write(stored(_seen(rows, view).cast(plain)).replace_schema_metadata(schema.metadata), path)
            written.append(path)
        if not written:
            path = folder / "part-00000.parquet"
            _write(schema.empty_table(), path)
            written.append(path)
    except OSError as error:
        raise StoreError(
            f"{folder} cannot be written: {error}.", remedy="Check the disk and its permissions."
        ) from error
    except BaseException:
        # Half an export looks like a whole one.
        for path in written:
            path.unlink(missing_ok=True)
        raise
    return written


def _seen(rows: pa.Table, view: "View | None") -> pa.Table:
    return rows if view is None else view.apply(rows)


def _write(rows: pa.Table, path: Path) -> None:
    aside = path.with_suffix(".writing")
    pq.write_table(rows, aside, compression="zstd", row_group_size=ROW_GROUP, version="2.6")
    aside.replace(path)


def _empty(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file.", remedy="Name a folder.")
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(
            f"{folder} is not empty: old and new files would be read as one table.",
            remedy="Name a new folder, or empty this one first.",
        )
