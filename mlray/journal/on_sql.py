"""The journal in SQL: SQLite in a file, or PostgreSQL. One row per entry, and one row that says where the chain ends.

Writers queue for the end's row on PostgreSQL (SELECT … FOR UPDATE); SQLite has one writer at a time anyway, and BEGIN
IMMEDIATE makes it so from the first read. Unique places and unique predecessors keep a fork out even where somebody
writes past this module, and triggers refuse to change or remove what is written.
"""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from mlray.errors import JournalError, SpecError
from mlray.journal._base import Journal
from mlray.journal._chain import Draft, End, Row, link

__all__ = ["SqlJournal"]

_METADATA = sa.MetaData()
_ENTRIES = sa.Table(
    "mlray_journal",
    _METADATA,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False, index=True),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("key", sa.Text, unique=True),
    sa.Column("data", sa.Text, nullable=False),
    sa.Column("previous", sa.Text, nullable=False, unique=True),
    sa.Column("digest", sa.Text, nullable=False),
)
_END = sa.Table(
    "mlray_journal_end",
    _METADATA,
    sa.Column("one", sa.Integer, sa.CheckConstraint("one = 1"), primary_key=True, autoincrement=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
)
_SQLITE_RULES = (
    """CREATE TRIGGER mlray_journal_no_update BEFORE UPDATE ON mlray_journal
       BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END""",
    """CREATE TRIGGER mlray_journal_no_delete BEFORE DELETE ON mlray_journal
       BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END""",
    # INSERT OR REPLACE removes the old row without asking the trigger above.
    """CREATE TRIGGER mlray_journal_no_replace BEFORE INSERT ON mlray_journal
       WHEN EXISTS (SELECT 1 FROM mlray_journal
                    WHERE seq = NEW.seq OR previous = NEW.previous OR (key IS NOT NULL AND key = NEW.key))
       BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END""",
    """CREATE TRIGGER mlray_journal_end_goes_on BEFORE UPDATE ON mlray_journal_end WHEN NEW.seq <> OLD.seq + 1
       BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END""",
    """CREATE TRIGGER mlray_journal_end_stays BEFORE DELETE ON mlray_journal_end
       BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END""",
)
_POSTGRESQL_RULES = (
    """CREATE FUNCTION mlray_journal_refuse() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION 'the journal is append-only'; END $$""",
    """CREATE TRIGGER mlray_journal_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON mlray_journal
       FOR EACH STATEMENT EXECUTE FUNCTION mlray_journal_refuse()""",
    """CREATE TRIGGER mlray_journal_end_goes_on BEFORE UPDATE ON mlray_journal_end
       FOR EACH ROW WHEN (NEW.seq <> OLD.seq + 1) EXECUTE FUNCTION mlray_journal_refuse()""",
    """CREATE TRIGGER mlray_journal_end_stays BEFORE DELETE OR TRUNCATE ON mlray_journal_end
       FOR EACH STATEMENT EXECUTE FUNCTION mlray_journal_refuse()""",
)
# What a database says → what to do about it; the first that fits.
_REMEDIES = (
    (("locked", "lock timeout", "busy"), "Another process holds it; wait for it to finish or end it, then try again."),
    (("disk is full", "no space"), "Free space on the disk, then try again."),
    (
        ("disk i/o error",),
        "The disk is full, a quota or a file-size limit (`ulimit -f`) is reached, or the disk is broken: free space or"
        " raise the limit, then try again.",
    ),
    (("readonly", "read-only", "permission denied"), "Give this user the right to write there."),
    (
        ("not a database", "malformed"),
        "The file is damaged or not a journal: restore it from a backup, or name another.",
    ),
    (("unable to open",), "Check that the folder exists and that this user may write there."),
    (
        ("append-only", "unique", "duplicate"),
        "Something else wrote to these tables; `Journal.verify` names the first entry at fault.",
    ),
)
_REACH = "Check that the database is running and that its address is right, then try again."
_READ = "Check that this user may read and write the file and its folder, then try again."


class SqlJournal(Journal):
    """A journal that survives its process and is shared by several."""

    def __init__(self, url: str, *, patience: float = 30.0) -> None:
        """Open or make the journal at `url`; wait up to `patience` seconds for other writers."""
        address = _parse(url)
        self._patience = patience
        self._sqlite = address.get_backend_name() == "sqlite"
        self._file = Path(address.database or "") if self._sqlite else None
        # A password may stand in the user part or in the query; neither is ever shown.
        self._shown = f"{address.get_backend_name()}://{address.host or ''}/{address.database or ''}"
        self._pid = os.getpid()
        if self._file is not None and address.database in (None, "", ":memory:"):
            raise SpecError(
                [f"'{url}' names no file."], remedy="Write sqlite:///path/journal.db, or memory:// to keep nothing."
            )
        self._engine = self._make_engine(address)
        if self._file is not None:
            self._make_file(self._file)
        self._prepare()
        self._inode = self._identity()

    def close(self) -> None:
        """Close all connections; a later call opens new ones."""
        self._engine.dispose()

    def _add(self, new: Draft, last: int | None) -> Row | None:
        with self._transaction(writes=True) as connection:
            end = self._locked_end(connection)
            if new.key is not None and (first := _first(connection, _ENTRIES.c.key == new.key)) is not None:
                return first
            if last is not None and last != end.seq:
                return None
            row = link(end, new)
            connection.execute(sa.insert(_ENTRIES), row._asdict())
            connection.execute(sa.update(_END).values(seq=row.seq, digest=row.digest))
            return row

    def _rows(self, after: int, kind: str | None, subject: str | None) -> list[Row]:
        query = _in_order().where(_ENTRIES.c.seq > after)
        if kind is not None:
            query = query.where(_ENTRIES.c.kind == kind)
        if subject is not None:
            query = query.where(_ENTRIES.c.subject == subject)
        with self._transaction() as connection:
            return [Row(*row) for row in connection.execute(query)]

    def _keyed(self, key: str) -> Row | None:
        with self._transaction() as connection:
            return _first(connection, _ENTRIES.c.key == key)

    def _newest(self) -> Row | None:
        with self._transaction() as connection:
            row = connection.execute(sa.select(_ENTRIES).order_by(_ENTRIES.c.seq.desc()).limit(1)).first()
            return None if row is None else Row(*row)

    @contextmanager
    def _snapshot(self) -> Iterator[tuple[Iterable[Row], End]]:
        with self._transaction() as connection:
            end = self._end_in(connection, sa.select(_END.c.seq, _END.c.digest))
            # A check that finds a break stops in the middle, and PostgreSQL's cursor wants to be closed all the same.
            with connection.execution_options(yield_per=1000).execute(_in_order()) as rows:
                yield (Row(*row) for row in rows), end

    def _locked_end(self, connection: Connection) -> End:
        if not self._sqlite:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(self._patience * 1000)}")
        return self._end_in(connection, sa.select(_END.c.seq, _END.c.digest).with_for_update())

    def _end_in(self, connection: Connection, query: sa.Select[Any]) -> End:
        found = connection.execute(query).first()
        if found is None:
            raise JournalError(
                f"The journal {self._shown} has lost the mark of its end.", remedy="Restore it from a backup."
            )
        return End(*found)

    @contextmanager
    def _transaction(self, *, writes: bool = False) -> Iterator[Connection]:
        """Give a connection inside one transaction; whatever the database says against it becomes a JournalError."""
        if self._pid != os.getpid():
            # A connection that two processes share after a fork mixes up their transactions: the child starts afresh.
            self._engine.dispose(close=False)
            self._pid = os.getpid()
        if self._file is not None and self._identity() != self._inode:
            # SQLite would go on writing to a file that nobody can open any more.
            raise JournalError(
                f"The journal {self._file} was removed or replaced while it was open.",
                remedy="Put the file back, or open the journal anew.",
            )
        if self._sqlite:
            options = {"begin": "BEGIN IMMEDIATE" if writes else "BEGIN"}
        else:
            options = {"isolation_level": "READ COMMITTED" if writes else "REPEATABLE READ"}
        try:
            with self._engine.connect().execution_options(**options) as connection, connection.begin():
                yield connection
        except SQLAlchemyError as error:
            raise self._failed(error) from error

    def _failed(self, error: SQLAlchemyError) -> JournalError:
        said = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        usual = _READ if self._sqlite else _REACH
        remedy = next((remedy for signs, remedy in _REMEDIES if any(sign in said.lower() for sign in signs)), usual)
        return JournalError(f"The journal {self._shown} cannot be used: {said}.", remedy=remedy)

    def _identity(self) -> tuple[int, int] | None:
        if self._file is None:
            return None
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _make_engine(self, address: sa.URL) -> sa.Engine:
        try:
            if self._sqlite:
                engine = sa.create_engine(address, connect_args={"timeout": self._patience, "check_same_thread": False})
                sa.event.listen(engine, "connect", _no_hidden_begin)
                sa.event.listen(engine, "begin", _begin)
                return engine
            return sa.create_engine(
                address, pool_pre_ping=True, connect_args={"connect_timeout": max(2, int(self._patience))}
            )
        except (ImportError, NoSuchModuleError) as error:
            raise JournalError(
                f"The driver for {address.drivername} is missing: {error}.",
                remedy="Run `pip install 'mlray[postgres]'` and write postgresql+psycopg://…",
            ) from error

    def _make_file(self, file: Path) -> None:
        """Make the folder and switch the file to write-ahead logging, where readers never wait for a writer."""
        give_up = time.monotonic() + self._patience
        while True:
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                with self._engine.connect().execution_options(begin="") as connection:
                    connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            except OSError as error:
                raise JournalError(
                    f"The folder {file.parent} cannot be made: {error.strerror}.",
                    remedy="Name another folder for the workspace.",
                ) from error
            except SQLAlchemyError as error:
                # Two processes that switch a new file together get 'locked' at once; SQLite's own patience stops short.
                if "locked" not in str(error) or time.monotonic() > give_up:
                    raise self._failed(error) from error
                time.sleep(0.02)
            else:
                return

    def _prepare(self) -> None:
        """Make tables and triggers where they are missing."""
        self._inode = self._identity()
        with self._transaction() as connection:
            # Asked without a lock first: whoever opens a journal that exists waits for nobody.
            if sa.inspect(connection).has_table(_END.name):
                return
        with self._transaction(writes=True) as connection:
            if not self._sqlite:
                # Two that make the same table at once: one would fail. The number is arbitrary, and the same for all.
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(6012450213)")
            if sa.inspect(connection).has_table(_END.name):
                return
            _METADATA.create_all(connection)
            connection.execute(sa.insert(_END), {"one": 1, **End()._asdict()})
            for rule in _SQLITE_RULES if self._sqlite else _POSTGRESQL_RULES:
                connection.exec_driver_sql(rule)


def _parse(url: str) -> sa.URL:
    try:
        return sa.make_url(url)
    except ArgumentError as error:
        raise SpecError(
            ["The address of the journal cannot be read."],
            remedy="Write sqlite:///path/journal.db or postgresql+psycopg://user@host/database.",
        ) from error


def _in_order() -> sa.Select[Any]:
    return sa.select(_ENTRIES).order_by(_ENTRIES.c.seq)


def _first(connection: Connection, condition: sa.ColumnElement[bool]) -> Row | None:
    found: Sequence[Any] | None = connection.execute(sa.select(_ENTRIES).where(condition)).first()
    return None if found is None else Row(*found)


def _no_hidden_begin(connection: Any, _: object) -> None:
    """Keep Python's driver from starting transactions of its own, and make every commit reach the disk."""
    connection.isolation_level = None
    connection.execute("PRAGMA synchronous = FULL")


def _begin(connection: Connection) -> None:
    """Take SQLite's write lock before the first read: one that is taken later fails where a writer came between."""
    begin = connection.get_execution_options().get("begin", "BEGIN")
    if begin:
        connection.exec_driver_sql(begin)
