# SPDX-License-Identifier: Apache-2.0
"""The database of a gateway under test: a file of SQLite, or a database of the tests' PostgreSQL (--engine)."""

import contextlib
import decimal
import sqlite3

from . import tools

MIGRATIONS = tools.ROOT / "migrations"


def schemas(folder):
    """{number: the file that leads there}, the oldest first."""
    return {int(path.name[:4]): path for path in sorted(folder.glob("[0-9]*.sql"))}


class SQLite:
    def __init__(self, folder):
        self.folder = folder
        self.place = folder / "acmegate.db"
        self.configuration = {"database": str(self.place)}

    def reader(self):
        return _SQLiteReader(self.place)

    def execute(self, sql, parameters):
        with contextlib.closing(sqlite3.connect(self.place)) as connection, connection:
            connection.execute(sql, parameters)

    @contextlib.contextmanager
    def locked(self):
        """Nobody else can write."""
        with contextlib.closing(sqlite3.connect(self.place, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")

    def is_made(self):
        return self.place.exists()

    def make_oldest(self):
        """An empty database of the oldest schema, in the place of this one: (its number, the newest number)."""
        numbers = schemas(MIGRATIONS)
        oldest = min(numbers)
        self.lose()
        with contextlib.closing(sqlite3.connect(self.place)) as connection:
            connection.executescript(f"{numbers[oldest].read_text()}; PRAGMA user_version = {oldest};")
        return oldest, max(numbers)

    def beside(self, ending):
        return self.folder / f"acmegate.db.{ending}"

    def lose(self):
        for one in self.folder.glob("acmegate.db*"):
            if one != self.beside("secret"):
                one.unlink()

    def drop(self):
        pass


class _SQLiteReader:
    def __init__(self, place):
        self._connection = sqlite3.connect(f"file:{place}?mode=ro", uri=True, timeout=10)
        self._connection.row_factory = sqlite3.Row

    def query(self, sql, *parameters):
        return [dict(row) for row in self._connection.execute(sql, parameters)]

    def version(self):
        return self.query("PRAGMA data_version")

    def close(self):
        self._connection.close()


class PostgreSQL:
    """`server` is a support.postgresql.PostgreSQL. Statements are written for SQLite, with `?` for parameters."""

    def __init__(self, folder, server):
        self._server = server
        self.folder = folder
        self.place = server.create_database()
        self.configuration = {"database": self.place, "state_directory": str(folder), "gateway_id": "under-test"}

    def reader(self):
        return _PostgreSQLReader(self.place)

    def execute(self, sql, parameters):
        with contextlib.closing(self.reader()) as connection:
            connection.execute(sql, parameters)

    @contextlib.contextmanager
    def locked(self):
        tables = ", ".join(self._tables())
        with contextlib.closing(self.reader()) as connection:
            connection.execute("BEGIN", ())
            connection.execute(f"LOCK TABLE {tables} IN EXCLUSIVE MODE", ())
            yield
            connection.execute("ROLLBACK", ())

    def is_made(self):
        return bool(self._tables())

    def make_oldest(self):
        numbers = schemas(MIGRATIONS / "postgresql")
        oldest = min(numbers)
        self.lose()
        with contextlib.closing(self.reader()) as connection:
            connection.execute(numbers[oldest].read_text(), ())
        self.execute("UPDATE schema_version SET version = ?", (oldest,))
        return oldest, max(numbers)

    def _tables(self):
        with contextlib.closing(self.reader()) as reader:
            rows = reader.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        return [row["tablename"] for row in rows]

    def beside(self, ending):
        return self.folder / f"acmegate.{ending}"

    def lose(self):
        for ending in ("tls.crt", "tls.key", "crashes"):
            self.beside(ending).unlink(missing_ok=True)
        self.execute("DROP SCHEMA public CASCADE", ())
        self.execute("CREATE SCHEMA public", ())

    def drop(self):
        if self._server.process.running():  # else it has ended for good, with its databases
            self._server.drop_database(self.place)


class _PostgreSQLReader:
    def __init__(self, place):
        import psycopg2  # where the tests run on SQLite, nobody needs it

        self._connection = psycopg2.connect(place)
        self._connection.autocommit = True

    def execute(self, sql, parameters):
        cursor = self._connection.cursor()
        cursor.execute(sql.replace("%", "%%").replace("?", "%s"), parameters)
        return cursor

    def query(self, sql, *parameters):
        cursor = self.execute(sql, parameters)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, map(_value, row))) for row in cursor]

    def version(self):
        return self.query("SELECT pg_current_wal_insert_lsn() AS position")

    def close(self):
        self._connection.close()


def _value(value):
    """As SQLite has it."""
    if isinstance(value, memoryview):
        return bytes(value)
    return int(value) if isinstance(value, (bool, decimal.Decimal)) else value
