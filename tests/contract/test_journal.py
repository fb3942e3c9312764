"""What every journal promises, on memory, SQLite and PostgreSQL."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from mlray.errors import InputError, JournalError, SpecError
from mlray.journal import GENESIS, Entry, Journal, MemoryJournal, open_journal
from mlray.journal._chain import Draft, End, link

NOON = datetime(2013, 4, 1, 12, tzinfo=UTC)


def write(journal: Journal, count: int, *, kind: str = "note") -> list[Entry]:
    return [journal.append(kind, "flights", {"number": number}, at=NOON) for number in range(1, count + 1)]


class MemoryStore:
    """One journal in this process; `open` gives the same one again."""

    def __init__(self) -> None:
        self.journal = MemoryJournal()

    def open(self) -> Journal:
        return self.journal

    def change(self, seq: int, **fields: object) -> None:
        kept = self.journal._kept
        kept[seq - 1] = kept[seq - 1]._replace(**fields)

    def remove(self, seq: int) -> None:
        del self.journal._kept[seq - 1]

    def swap(self, one: int, other: int) -> None:
        kept = self.journal._kept
        kept[one - 1], kept[other - 1] = kept[other - 1]._replace(seq=one), kept[one - 1]._replace(seq=other)


class SqlStore:
    """A database that others write to as well, past the journal's own code."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.opened: list[Journal] = []

    def open(self, patience: float = 30) -> Journal:
        self.opened.append(open_journal(self.url, patience=patience))
        return self.opened[-1]

    def run(self, *statements: str) -> None:
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()

    def unguard(self) -> None:
        """Take the triggers away, as somebody who owns the database can."""
        if self.url.startswith("sqlite"):
            names = ("no_update", "no_delete", "no_replace", "end_goes_on", "end_stays")
            self.run(*(f"DROP TRIGGER IF EXISTS mlray_journal_{name}" for name in names))
        else:
            self.run(
                "ALTER TABLE mlray_journal DISABLE TRIGGER ALL", "ALTER TABLE mlray_journal_end DISABLE TRIGGER ALL"
            )

    def change(self, seq: int, **fields: object) -> None:
        self.unguard()
        self.run(*(f"UPDATE mlray_journal SET {name} = '{value}' WHERE seq = {seq}" for name, value in fields.items()))

    def remove(self, seq: int) -> None:
        self.unguard()
        self.run(f"DELETE FROM mlray_journal WHERE seq = {seq}")

    def swap(self, one: int, other: int) -> None:
        self.unguard()
        move = "UPDATE mlray_journal SET seq = {} WHERE seq = {}"
        self.run(move.format(-1, one), move.format(one, other), move.format(other, -1))


class Contract:
    """The promises; a back end gives a fixture `store`."""

    def test_starts_empty(self, store):
        journal = store.open()
        assert (journal.head(), journal.entries(), journal.find("any"), journal.verify()) == (None, [], None, 0)

    def test_an_entry_comes_back_as_it_was_written(self, store):
        data = {"act": "hold", "cost": "0.10", "list": [1, 2.5, None, True], "deep": {"ü": "日本 ✈ \u0000"}}
        written = store.open().append("decision", "flights", data, at=NOON, key="week 14")
        journal = store.open()
        assert journal.entries() == [written]
        assert journal.find("week 14") == journal.head() == written
        assert (written.seq, written.at, written.kind, written.subject) == (1, NOON, "decision", "flights")
        assert (written.data, written.previous) == (data, GENESIS)
        assert Entry.from_json(written.to_json()) == written

    def test_places_have_no_gaps_and_each_entry_holds_the_digest_of_the_one_before(self, store):
        first, second, third = write(store.open(), 3)
        assert (first.seq, second.seq, third.seq) == (1, 2, 3)
        assert (second.previous, third.previous) == (first.digest, second.digest)

    def test_a_key_that_was_used_returns_its_first_entry(self, store):
        journal = store.open()
        first = journal.append("decision", "flights", {"act": "retrain"}, at=NOON, key="week 14")
        write(journal, 2)
        again = journal.append("other", "trains", {"act": "hold"}, at=NOON + timedelta(days=1), key="week 14")
        assert again == first
        assert journal.verify() == 3

    def test_without_a_key_everything_is_written(self, store):
        journal = store.open()
        one, other = (journal.append("note", "flights", {}, at=NOON) for _ in range(2))
        assert (one.seq, other.seq, one.digest == other.digest) == (1, 2, False)

    def test_entries_are_found_by_place_kind_and_subject(self, store):
        journal = store.open()
        for kind, subject in [("a", "x"), ("b", "x"), ("a", "y"), ("a", "x")]:
            journal.append(kind, subject, {}, at=NOON)
        assert [e.seq for e in journal.entries(kind="a")] == [1, 3, 4]
        assert [e.seq for e in journal.entries(subject="x")] == [1, 2, 4]
        assert [e.seq for e in journal.entries(after=1, kind="a", subject="x")] == [4]
        assert journal.entries(kind="none such") == []

    def test_time_is_kept_in_utc_to_the_microsecond(self, store):
        moment = datetime(2013, 4, 1, 14, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
        entry = store.open().append("note", "flights", {}, at=moment)
        assert entry.at == moment
        assert entry.at.tzinfo == UTC

    def test_values_that_only_look_alike_stay_apart(self, store):
        data = {"one": 1, "float": 1.0, "text": "1", "true": True, "tuple": (1, 2), "large": 2**70, "small": 5e-324}
        kept = store.open().append("note", "flights", data, at=NOON).data
        assert [type(kept[name]) for name in data] == [int, float, str, bool, list, int, float]
        assert (kept["large"], kept["small"]) == (2**70, 5e-324)

    def test_what_the_caller_does_later_changes_nothing(self, store):
        journal, data = store.open(), {"list": [1]}
        returned = journal.append("note", "flights", data, at=NOON)
        data["list"].append(2)
        returned.data["list"].append(3)
        assert journal.entries()[0].data == {"list": [1]}
        assert journal.verify() == 1

    @pytest.mark.parametrize(
        ("kind", "subject", "data", "at", "key", "says"),
        [
            ("", "s", {}, NOON, None, "needs a kind"),
            ("k", "s", {}, NOON, "", "needs a kind"),
            ("k", "two\nlines", {}, NOON, None, "printable"),
            ("k", "nul\0", {}, NOON, None, "printable"),
            ("k", "s", {}, NOON, "\ud800", "printable"),
            ("k", "s", {}, NOON.replace(tzinfo=None), None, "no time zone"),
            ("k", "s", {"x": float("nan")}, NOON, None, "not JSON"),
            ("k", "s", {"x": NOON}, NOON, None, "not JSON"),
            ("k", "s", {"x": "\ud800"}, NOON, None, "not JSON"),
        ],
        ids=["no kind", "empty key", "newline", "nul", "surrogate", "naive time", "nan", "object", "surrogate in data"],
    )
    def test_what_cannot_be_kept_is_refused_and_nothing_is_written(self, store, kind, subject, data, at, key, says):
        journal = store.open()
        with pytest.raises(InputError, match=says) as caught:
            journal.append(kind, subject, data, at=at, key=key)
        assert caught.value.remedy
        assert journal.verify() == 0

    def test_an_append_on_condition_fails_once_another_entry_came(self, store):
        journal = store.open()
        assert journal.append_after(0, "note", "flights", {}, at=NOON).seq == 1
        assert journal.append_after(0, "note", "flights", {}, at=NOON) is None
        assert journal.append_after(1, "note", "flights", {}, at=NOON, key="once").seq == 2
        assert journal.append_after(0, "note", "flights", {}, at=NOON, key="once").seq == 2
        assert journal.verify() == 2

    @pytest.mark.parametrize("seq", [1, 2, 4])
    @pytest.mark.parametrize(
        "fields",
        [
            {"data": '{"number":7}'},
            {"data": "no json"},
            {"data": '{"number": 1}'},
            {"at": "2013-04-02T12:00:00.000000+00:00"},
            {"kind": "other"},
            {"subject": "trains"},
            {"key": "stolen"},
            {"digest": "0" * 64},
        ],
        ids=["data", "broken data", "a space", "time", "kind", "subject", "key", "digest"],
    )
    def test_a_changed_entry_is_named(self, store, seq, fields):
        journal = store.open()
        write(journal, 4)
        store.change(seq, **fields)
        with pytest.raises(JournalError, match=f"entry {seq} .*was changed after it was written") as caught:
            journal.verify()
        assert "backup" in caught.value.remedy

    @pytest.mark.parametrize("seq", [1, 2, 4], ids=["first", "middle", "last"])
    def test_a_removed_entry_is_named(self, store, seq):
        journal = store.open()
        write(journal, 4)
        store.remove(seq)
        with pytest.raises(JournalError, match=f"entry {seq} is missing"):
            journal.verify()

    def test_a_removed_tail_is_still_found_after_more_was_written(self, store):
        journal = store.open()
        write(journal, 3)
        store.remove(3)
        with pytest.raises(JournalError, match="entry 3 is missing"):
            journal.verify()

    def test_changed_order_is_named(self, store):
        journal = store.open()
        write(journal, 4)
        store.swap(2, 3)
        with pytest.raises(JournalError, match=r"entry 2 .*was written as entry 3: the order was changed"):
            journal.verify()

    def test_a_broken_entry_cannot_be_read_as_if_it_were_whole(self, store):
        journal = store.open()
        write(journal, 2)
        store.change(2, data="{")
        with pytest.raises(JournalError, match="entry 2 cannot be read"):
            journal.entries()

    def test_a_rewritten_journal_is_found_by_a_digest_kept_elsewhere(self, store):
        journal = store.open()
        kept = write(journal, 3)[1].digest
        assert journal.verify(holds=kept) == 3
        with pytest.raises(JournalError, match="none of its 3 entries has the digest ffff"):
            journal.verify(holds="f" * 64)

    def test_closing_twice_does_no_harm(self, store):
        with store.open() as journal:
            write(journal, 1)
            journal.close()


class TestMemory(Contract):
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()


CHILD = """
import sys
from datetime import UTC, datetime
from mlray.journal import open_journal
journal = open_journal(sys.argv[1])
name, count, keyed = sys.argv[2], int(sys.argv[3]), sys.argv[4] == "keyed"
print("ready", flush=True)
sys.stdin.readline()
for number in range(count):
    key = f"shared {number}" if keyed else f"{name} {number}"
    entry = journal.append("count", name, {"number": number}, at=datetime(2013, 4, 1, tzinfo=UTC), key=key)
    print(entry.seq, flush=True)
"""
# Stops for ever between the writing of an entry and its commit.
HALFWAY = """
import sys, threading
from datetime import UTC, datetime
import sqlalchemy as sa
from mlray.journal import open_journal
journal = open_journal(sys.argv[1])
def stop(_):
    print("halfway", flush=True)
    threading.Event().wait()
sa.event.listen(journal._engine, "commit", stop)
journal.append("note", "flights", {}, at=datetime(2013, 4, 1, tzinfo=UTC))
"""
FORK = """
import os, sys
from datetime import UTC, datetime
from mlray.journal import open_journal
journal = open_journal(sys.argv[1])
def write(name):
    for number in range(20):
        journal.append("count", name, {"number": number}, at=datetime(2013, 4, 1, tzinfo=UTC))
write("before")
child = os.fork()
write("parent" if child else "child")
if not child:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
write("after")
"""


# May write no file beyond a size that a new journal passes.
NO_ROOM = """
import resource, sys
from mlray.errors import JournalError
from mlray.journal import open_journal
size = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
try:
    open_journal(sys.argv[1], patience=0)
except JournalError as error:
    print(error)
"""


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start Python processes that are gone when the test is."""
    running = []

    def begin(code: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", code, *arguments]
        running.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.communicate()


class SqlContract(Contract):
    """What holds besides where several processes share the store."""

    @pytest.mark.slow
    @pytest.mark.parametrize("keyed", [False, True], ids=["keys of their own", "the same keys"])
    def test_processes_that_append_at_once_lose_nothing_and_repeat_nothing(self, store, start, keyed):
        # None of them finds a table: they also race to make it.
        children = [start(CHILD, store.url, f"p{n}", "20", "keyed" if keyed else "own") for n in range(4)]
        for child in children:
            assert child.stdout.readline() == "ready\n"
        seen = [child.communicate("go\n")[0].split() for child in children]
        assert [len(seqs) for seqs in seen] == [20] * 4
        journal = store.open()
        assert journal.verify() == (20 if keyed else 80)
        if keyed:
            assert seen == [seen[0]] * 4
        else:
            assert sorted(int(seq) for seqs in seen for seq in seqs) == list(range(1, 81))

    def test_a_process_that_is_killed_while_it_writes_leaves_a_whole_chain(self, store, start):
        child = start(CHILD, store.url, "victim", "1000000", "own")
        child.stdin.write("go\n")
        child.stdin.flush()
        lines = [child.stdout.readline() for _ in range(30)]
        child.send_signal(signal.SIGKILL)
        child.wait()
        journal = store.open()
        count = journal.verify()
        assert count >= int(lines[-1])
        assert write(journal, 1)[0].seq == count + 1
        assert journal.verify() == count + 1

    def test_a_process_that_is_killed_before_its_commit_leaves_nothing(self, store, start):
        journal = store.open()
        write(journal, 2)
        child = start(HALFWAY, store.url)
        assert child.stdout.readline() == "halfway\n"
        assert journal.verify() == 2
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert write(journal, 1)[0].seq == 3
        assert journal.verify() == 3

    def test_a_forked_process_does_not_share_connections(self, store, start):
        child = start(FORK, store.url)
        child.communicate()
        assert child.returncode == 0
        assert store.open().verify() == 80

    def test_a_journal_that_another_holds_for_too_long_says_so(self, store, start):
        store.open()
        child = start(HALFWAY, store.url)
        assert child.stdout.readline() == "halfway\n"
        hasty = store.open(patience=0.05)
        with pytest.raises(JournalError, match="cannot be used") as caught:
            hasty.append("note", "flights", {}, at=NOON)
        assert "Another process holds it" in caught.value.remedy
        assert hasty.entries() == []

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE mlray_journal SET kind = 'x' WHERE seq = 1",
            "DELETE FROM mlray_journal WHERE seq = 2",
            "UPDATE mlray_journal_end SET seq = 1",
            "DELETE FROM mlray_journal_end",
        ],
        ids=["update", "delete", "end back", "end gone"],
    )
    def test_the_database_itself_refuses_to_change_what_is_written(self, store, statement):
        journal = store.open()
        write(journal, 2)
        with pytest.raises(sa.exc.DBAPIError, match="append-only"):
            store.run(statement)
        assert journal.verify() == 2

    def test_the_database_itself_refuses_a_second_entry_after_the_same_one(self, store):
        journal = store.open()
        first, _ = write(journal, 2)
        row = f"VALUES (3, 't', 'fork', 's', NULL, '{{}}', '{first.digest}', 'd')"
        with pytest.raises(sa.exc.DBAPIError):
            store.run(f"INSERT INTO mlray_journal {row}")
        assert journal.verify() == 2

    def test_an_entry_added_behind_the_end_is_found(self, store):
        journal = store.open()
        write(journal, 2)
        store.run("INSERT INTO mlray_journal VALUES (3, 't', 'k', 's', NULL, '{}', 'p', 'd')")
        with pytest.raises(JournalError, match=r"entry 3 .*was changed after it was written"):
            journal.verify()
        with pytest.raises(JournalError, match="cannot be used") as caught:
            write(journal, 1)
        assert "Something else wrote" in caught.value.remedy

    def test_a_forged_entry_with_a_right_digest_is_found(self, store):
        journal = store.open()
        write(journal, 2)
        row = link(End(2, "x"), Draft("2013-04-01T12:00:00.000000+00:00", "note", "flights", None, "{}"))
        values = f"(3, '{row.at}', 'note', 'flights', NULL, '{{}}', 'x', '{row.digest}')"
        store.run(f"INSERT INTO mlray_journal VALUES {values}")
        with pytest.raises(JournalError, match=r"entry 3 .*does not follow entry 2"):
            journal.verify()

    def test_a_lost_end_is_an_error_not_a_new_beginning(self, store):
        journal = store.open()
        write(journal, 2)
        store.unguard()
        store.run("DELETE FROM mlray_journal_end")
        for attempt in (journal.verify, lambda: write(journal, 1)):
            with pytest.raises(JournalError, match="lost the mark of its end"):
                attempt()

    def test_an_end_that_was_set_forward_is_found(self, store):
        journal = store.open()
        write(journal, 2)
        store.unguard()
        store.run("UPDATE mlray_journal_end SET digest = 'x'")
        with pytest.raises(JournalError, match="entry 2 is not the one written last"):
            journal.verify()


class TestSqlite(SqlContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[SqlStore]:
        store = SqlStore(f"sqlite:///{tmp_path}/made/journal.db")
        yield store
        for journal in store.opened:
            journal.close()

    def test_readers_do_not_wait_for_a_writer(self, store):
        store.open()
        engine = sa.create_engine(store.url)
        with engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        engine.dispose()

    def test_insert_or_replace_is_refused_too(self, store):
        journal = store.open()
        write(journal, 2)
        for row in ("(1, 't', 'k', 's', NULL, '{}', 'p', 'd')", f"(9, 't', 'k', 's', NULL, '{{}}', '{GENESIS}', 'd')"):
            with pytest.raises(sa.exc.DBAPIError, match="append-only"):
                store.run(f"INSERT OR REPLACE INTO mlray_journal VALUES {row}")
        assert journal.verify() == 2

    def test_a_file_that_is_removed_while_it_is_open_is_noticed(self, store, tmp_path):
        journal = store.open()
        write(journal, 1)
        shutil.rmtree(tmp_path / "made")
        for attempt in (journal.entries, journal.verify, lambda: write(journal, 1)):
            with pytest.raises(JournalError, match="removed or replaced while it was open") as caught:
                attempt()
            assert "open the journal anew" in caught.value.remedy

    def test_a_file_that_is_not_a_journal_is_left_alone(self, tmp_path):
        file = tmp_path / "notes.txt"
        file.write_text("these are my notes, not a database at all\n" * 40)
        with pytest.raises(JournalError, match="not a database") as caught:
            open_journal(f"sqlite:///{file}")
        assert "restore it from a backup" in caught.value.remedy
        assert file.read_text().startswith("these are my notes")

    def test_a_folder_that_cannot_be_made_is_named(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(JournalError, match=r"file/sub cannot be made") as caught:
            open_journal(f"sqlite:///{tmp_path}/file/sub/journal.db")
        assert "another folder" in caught.value.remedy

    @pytest.mark.parametrize("size", [1024, 4096, 16384])
    def test_where_there_is_no_room_the_disk_and_the_quota_are_named(self, store, start, size):
        told, _ = start(NO_ROOM, store.url, str(size)).communicate(timeout=60)
        assert "cannot be used: disk I/O error" in told
        assert "disk is full, a quota" in told
        assert "database is running" not in told

    def test_a_file_is_not_said_to_be_a_server_that_is_down(self, store):
        journal = store.open()
        store.run("DROP TABLE mlray_journal")
        with pytest.raises(JournalError, match="no such table") as caught:
            journal.entries()
        assert "read and write the file" in caught.value.remedy

    def test_a_folder_in_the_file_s_place_is_an_error(self, tmp_path):
        with pytest.raises(JournalError, match="unable to open") as caught:
            open_journal(f"sqlite:///{tmp_path}")
        assert "may write there" in caught.value.remedy


def _programs() -> Path | None:
    """Return the folder with PostgreSQL's server programs, the newest where there are several."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: [int(n) for n in p.parent.name.split(".")])
    found = [path for path in debian if (path / "initdb").exists()]
    on_path = shutil.which("initdb")
    asked = shutil.which("pg_config")
    if asked:
        said = subprocess.run([asked, "--bindir"], capture_output=True, text=True, check=False).stdout.strip()
        found = [Path(said), *found] if (Path(said) / "initdb").exists() else found
    return found[-1] if found else Path(on_path).parent if on_path else None


def _as_another(folder: Path) -> list[str]:
    """PostgreSQL does not run as root: give the folder to another user, and return the words that make one of us."""
    if os.geteuid() != 0:
        return []
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        if shutil.which("setpriv"):
            os.chown(folder, user.pw_uid, user.pw_gid)
            return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    pytest.skip("PostgreSQL does not run as root, and there is no other user (or no setpriv) to run it as")


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """A PostgreSQL server of its own: socket in a folder of its own, no network, gone afterwards."""
    programs = _programs()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed (initdb was not found)")
    # Not pytest's folder: a socket's path may have 107 bytes at most.
    folder = Path(tempfile.mkdtemp(prefix="mlray-pg-", dir="/tmp"))
    try:
        prefix = _as_another(folder)

        def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
            command = [*prefix, str(programs / program), "-D", str(folder / "data"), *arguments]
            environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"}
            return subprocess.run(
                command, capture_output=True, text=True, check=False, cwd="/", env=environment, stdin=subprocess.DEVNULL
            )

        made = run("initdb", "--auth=trust", "--username=mlray", "--encoding=UTF8", "--no-sync")
        if made.returncode:
            pytest.skip(f"initdb failed: {made.stderr.strip()}")
        options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
        # The output goes to a file: the server would keep a pipe open for ever.
        begun = run("pg_ctl", "-w", "-t", "120", "-l", str(folder / "log"), "-o", options, "start")
        if begun.returncode:
            pytest.skip(f"the PostgreSQL server does not start: {begun.stdout.strip()} {begun.stderr.strip()}")
        try:
            yield f"postgresql+psycopg://mlray@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class TestPostgresql(SqlContract):
    @pytest.fixture
    def store(self, postgresql: str) -> Iterator[SqlStore]:
        schema = f"s{uuid.uuid4().hex}"
        SqlStore(postgresql).run(f"CREATE SCHEMA {schema}")
        store = SqlStore(f"{postgresql}&options=-csearch_path%3D{schema}")
        yield store
        for journal in store.opened:
            journal.close()

    def test_truncating_is_refused(self, store):
        journal = store.open()
        write(journal, 2)
        for table in ("mlray_journal", "mlray_journal_end"):
            with pytest.raises(sa.exc.DBAPIError, match="append-only"):
                store.run(f"TRUNCATE {table}")
        assert journal.verify() == 2

    def test_a_lost_connection_is_replaced(self, store, postgresql):
        journal = store.open()
        write(journal, 1)
        SqlStore(postgresql).run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        assert write(journal, 1)[0].seq == 2

    def test_tables_that_are_gone_are_an_error(self, store):
        journal = store.open()
        store.run("DROP TABLE mlray_journal")
        with pytest.raises(JournalError, match='relation "mlray_journal" does not exist') as caught:
            journal.entries()
        assert caught.value.remedy


def test_a_server_that_does_not_answer_is_named_without_its_password(tmp_path):
    with pytest.raises(JournalError, match="postgresql://") as caught:
        open_journal(f"postgresql+psycopg://ann:s3cret@/db?host={tmp_path}&password=s3cret", patience=1)
    assert "address is right" in caught.value.remedy
    assert "s3cret" not in str(caught.value)


def test_a_missing_driver_says_what_to_install():
    with pytest.raises(JournalError, match="driver for postgresql\\+pg8000 is missing") as caught:
        open_journal("postgresql+pg8000://ann@host/db")
    assert "mlray[postgres]" in caught.value.remedy


@pytest.mark.parametrize(
    "url", ["mysql://ann:s3cret@host/db", "journal.db", "", "sqlite://", "sqlite:///:memory:", "sqlite:/x", "memory:"]
)
def test_an_address_of_another_kind_is_refused(url):
    with pytest.raises(SpecError) as caught:
        open_journal(url)
    assert "sqlite:///path/journal.db" in caught.value.remedy
    assert "s3cret" not in str(caught.value)
