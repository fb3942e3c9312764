"""Databases through SQLAlchemy, or ADBC where the URL says so: streamed in parts, the lower bound pushed down.

`adbc+postgresql://…` and `adbc+sqlite:///…` bring Arrow batches without a Python object per value; any other URL is
SQLAlchemy's. Types are those that the database gives: a part has its own, and the contract brings them together.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, NoSuchTableError, OperationalError, SQLAlchemyError

from mlray.data._cursor import Mark
from mlray.data.sources._secrets import with_environment
from mlray.errors import DataError, MlrayError, UnavailableError
from mlray.ids import digest_of
from mlray.spec import SourceSpec

__all__ = ["columns", "highest", "mark", "shape", "tables"]

ROWS = 250_000
"""Rows of one part: a few dozen megabytes, however large the table is."""
FETCH = 10_000
"""Rows that come at once from a server."""
_ADBC = "adbc+"
_PLAIN = (bool, int, float, str, bytes, datetime, date, time, Decimal, type(None))


def tables(
    spec: SourceSpec, folder: Path, column: str = "", lower: Mark | None = None, *, again: bool = True
) -> Iterator[pa.Table]:
    """Yield the rows of the table or query of `spec`, a part at a time; only those from `lower` on where it is given.

    Rows come in the order of `column`, if one is named; those at `lower` itself only `again`.

    Raises:
        DataError: the table, a column or the driver is missing, or the query is wrong.
        UnavailableError: the database does not answer.
    """
    with _our_words(spec):
        statement = _statement(spec, column, lower, again=again)
        if (spec.sql or "").startswith(_ADBC):
            yield from _arrow(spec, folder, statement)
        else:
            yield from _rows(spec, folder, statement)


def columns(spec: SourceSpec, folder: Path) -> tuple[str, ...]:
    """Return the names of the columns of the table or query of `spec`; errors as `tables`."""
    with _our_words(spec):
        statement = _select(spec).limit(0)
        if (spec.sql or "").startswith(_ADBC):
            return tuple(name for table in _arrow(spec, folder, statement, empty=True) for name in table.column_names)
        with closing(_engine(spec, folder).connect()) as connection:
            return tuple(connection.execute(statement).keys())


def mark(spec: SourceSpec, folder: Path, column: str) -> str:
    """Return the count of rows and, where there is such a column, the highest value of `column`; errors as `tables`."""
    if column and column not in columns(spec, folder):
        column = ""
    with _our_words(spec):
        asked = [sa.func.count().label("n"), *([sa.func.max(sa.column(column)).label("top")] if column else [])]
        statement = sa.select(*asked).select_from(_select(spec).subquery("q"))
        if (spec.sql or "").startswith(_ADBC):
            row = next(iter(_arrow(spec, folder, statement))).to_pylist()[0].values()
        else:
            with closing(_engine(spec, folder).connect()) as connection:
                row = connection.execute(statement).one()
    return ", ".join(str(value) for value in row)


def highest(spec: SourceSpec, folder: Path, column: str) -> pa.Table:
    """Return one row with the highest value of `column`, as `tables` would; errors as there."""
    with _our_words(spec):
        top: Any = sa.func.max(sa.column(column)).label(column)
        statement = sa.select(top).select_from(_select(spec).subquery("q"))
        read = _arrow if (spec.sql or "").startswith(_ADBC) else _rows
        return pa.concat_tables(read(spec, folder, statement))


def shape(spec: SourceSpec, folder: Path) -> str:
    """Return a digest of the names and types of the columns, as far as the database tells them; errors as `tables`."""
    with _our_words(spec):
        statement = _select(spec).limit(0)
        if (spec.sql or "").startswith(_ADBC):
            found = [
                (one.name, str(one.type)) for part in _arrow(spec, folder, statement, empty=True) for one in part.schema
            ]
        else:
            with closing(_engine(spec, folder).connect()) as connection:
                found = _stated(spec, connection) or [
                    (str(name), str(kind)) for name, kind, *_ in connection.execute(statement).cursor.description
                ]
    return digest_of([list(one) for one in found])[:12]


def _stated(spec: SourceSpec, connection: sa.Connection) -> list[tuple[str, str]]:
    """Return the columns of a table as the catalog has them: a driver may know no types of an answer without rows."""
    if spec.query is not None:
        return []
    schema, _, name = (spec.table or "").rpartition(".")
    try:
        return [(one["name"], str(one["type"])) for one in sa.inspect(connection).get_columns(name, schema or None)]
    except (NoSuchTableError, NotImplementedError):
        return []


def _select(spec: SourceSpec) -> Any:
    if spec.query is not None:
        # A colon would begin the name of a parameter, in '12:30' as well.
        query = spec.query.strip().rstrip(";").replace(":", "\\:")
        return sa.select(sa.text("*")).select_from(sa.text(f"({query}) AS q"))
    schema, _, name = (spec.table or "").rpartition(".")
    return sa.select(sa.text("*")).select_from(sa.table(name, schema=schema or None))


def _statement(spec: SourceSpec, column: str, lower: Mark | None, *, again: bool) -> Any:
    statement = _select(spec)
    if not column:
        return statement
    named: sa.ColumnClause[Any] = sa.column(column)
    if lower is not None:
        # The value goes as the database gave it: what it calls greater is greater.
        bound = sa.literal(lower)
        statement = statement.where(named >= bound if again else named > bound)
    return statement.order_by(named)


def _url(text: str) -> sa.URL:
    """Return the URL with its secrets; a user's name or password may hold any character."""
    scheme, found, rest = text.partition("://")
    user, at, place = rest.rpartition("@")
    if not found:
        return sa.make_url(with_environment(text))
    return sa.make_url(f"{scheme}://{with_environment(user, quoted=True)}{at}{with_environment(place)}")


def _engine(spec: SourceSpec, folder: Path) -> sa.Engine:
    url = _url(spec.sql or "")
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        path = folder / url.database
        if not path.is_file():
            # SQLite would make an empty database of that name.
            raise DataError(f"There is no database {path}.", remedy="Check the path; it is relative to the project.")
        url = url.set(database=str(path))
    return sa.create_engine(url, poolclass=sa.NullPool)


def _rows(spec: SourceSpec, folder: Path, statement: Any) -> Iterator[pa.Table]:
    with closing(_engine(spec, folder).connect()) as connection:
        result = connection.execution_options(stream_results=True, max_row_buffer=FETCH).execute(statement)
        names = list(result.keys())
        _once(spec, names)
        for part in result.partitions(ROWS):
            yield pa.table([_array(values) for values in zip(*part, strict=True)], names=names)


def _array(values: Sequence[Any]) -> pa.Array:
    """Return a column as Arrow: what has no type of its own, or several, is text."""
    if any(not isinstance(value, _PLAIN) for value in values):
        values = [value if value is None else str(value) for value in values]
    try:
        return pa.array(values)
    except pa.ArrowException:
        return pa.array([None if value is None else str(value) for value in values], pa.string())


def _arrow(spec: SourceSpec, folder: Path, statement: Any, *, empty: bool = False) -> Iterator[pa.Table]:
    from adbc_driver_manager import dbapi

    url = _url((spec.sql or "").removeprefix(_ADBC))
    name = url.get_backend_name()
    # Named parameters, since another style would double each percent sign for a driver that halves it again.
    dialect: Any = url.get_dialect()
    text = str(statement.compile(dialect=dialect(paramstyle="named"), compile_kwargs={"literal_binds": True}))
    with (
        dbapi.connect(driver=_driver(name), db_kwargs={"uri": _uri(url, folder, name)}, autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(text)
        with cursor.fetch_record_batch() as reader:
            _once(spec, reader.schema.names)
            if empty:
                yield reader.schema.empty_table()
                return
            held: list[pa.RecordBatch] = []
            for batch in reader:
                held.append(batch)
                if sum(one.num_rows for one in held) >= ROWS:
                    yield _plain(pa.Table.from_batches(held))
                    held = []
            if held:
                yield _plain(pa.Table.from_batches(held))


def _plain(table: pa.Table) -> pa.Table:
    """Return the table with numbers that came as an extension (PostgreSQL's numeric) as the text that they are."""
    for place, one in enumerate(table.schema):
        if isinstance(one.type, pa.BaseExtensionType):
            table = table.set_column(place, one.name, table.column(place).cast(one.type.storage_type))
    return table


def _driver(name: str) -> str:
    if name not in ("sqlite", "postgresql"):
        raise DataError(
            f"There is no ADBC driver for '{name}' here.", remedy="Leave `adbc+` out to go through SQLAlchemy."
        )
    # The package's own way to its library.
    return str(import_module(f"adbc_driver_{name}")._driver_path())  # noqa: SLF001


def _uri(url: sa.URL, folder: Path, name: str) -> str:
    if name == "sqlite":
        path = folder / (url.database or "")
        if not path.is_file():
            raise DataError(f"There is no database {path}.", remedy="Check the path; it is relative to the project.")
        return str(path)
    return url.set(drivername=name).render_as_string(hide_password=False)


def _once(spec: SourceSpec, names: Sequence[str]) -> None:
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise DataError(f"{spec} has the column '{repeated}' twice.", remedy="Name it differently in the query: AS.")


@contextmanager
def _our_words(spec: SourceSpec) -> Iterator[None]:
    """Turn what a driver says into DataError or UnavailableError, with no address of it and no password."""
    try:
        yield
    except MlrayError:
        raise
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        extra = "adbc" if (spec.sql or "").startswith(_ADBC) else "postgres"
        raise DataError(
            f"The driver for {spec} is missing: {error}.",
            remedy=f"`pip install mlray[{extra}]`, or the driver's own package.",
        ) from error
    except ArgumentError as error:
        raise DataError(
            f"{spec} is no database's URL.", remedy="Write postgresql+psycopg://user@host/database."
        ) from error
    except SQLAlchemyError as error:
        raise _told(spec, getattr(error, "orig", None) or error, lost=isinstance(error, OperationalError)) from error
    except Exception as error:
        # ADBC has its errors, each driver of SQLAlchemy others; while rows stream they come as they are.
        if type(error).__module__.split(".")[0] not in ("adbc_driver_manager", "psycopg", "sqlite3"):
            raise
        raise _told(spec, error, lost=type(error).__name__ in ("OperationalError", "InternalError")) from error


def _told(spec: SourceSpec, error: BaseException, *, lost: bool) -> MlrayError:
    said = re.sub(r"(?i)password\S*|://\S+", "…", str(error).strip().splitlines()[0] if str(error).strip() else "")
    if lost and not re.search(r"(?i)no such (table|column)|does not exist|syntax", said):
        return UnavailableError(
            f"{spec} does not answer: {said}", remedy="Check the server, the address and the rights."
        )
    return DataError(f"{spec} cannot be read: {said}", remedy="Check the table, the columns and the query.")
