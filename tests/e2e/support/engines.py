# SPDX-License-Identifier: Apache-2.0
"""The schema and the same rows in both engines, and questions that both answer."""

import csv
import io
import re
import sqlite3
import subprocess

from . import tools
from .databases import MIGRATIONS
from .postgresql import psql

VIEWS = ("v_accounts", "v_authorizations", "v_certificates", "v_eab_keys", "v_events", "v_gateways", "v_migration", "v_orders")
NULL = r"\N"


def migrations(folder=MIGRATIONS):
    """Number and name of each migration, and its path."""
    return {path.name: path for path in sorted(folder.glob("[0-9]*.sql"))}


def new_sqlite_database():
    """An empty database with the newest schema, in memory."""
    connection = sqlite3.connect(":memory:")
    for path in migrations().values():
        connection.executescript(path.read_text())
    return connection


def new_postgresql_database(server):
    """The URI of an empty database with the newest schema."""
    uri = server.new_database()
    for path in migrations(MIGRATIONS / "postgresql").values():
        psql(uri, path.read_text(), "--single-transaction")
    return uri


def copy_rows(database, server, uri):
    """Each row of an SQLite file, to an empty database of PostgreSQL."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    script = ["SET session_replication_role = replica;"]  # orders and certificates refer to each other
    for (table,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
        rows = connection.execute(f"SELECT * FROM {table}")
        columns = ", ".join(column[0] for column in rows.description)
        script.append(f"COPY {table} ({columns}) FROM STDIN WITH (FORMAT csv, NULL '{NULL}');")
        script.extend(",".join(map(_field, row)) for row in rows)
        script.append(r"\.")
    connection.close()
    server.sql("\n".join(script) + "\n", uri)


def _field(value):
    if value is None:
        return NULL
    if isinstance(value, bytes):
        return rf"\x{value.hex()}"
    return '"' + str(value).replace('"', '""') + '"'


def ask_sqlite(database, sql):
    """(columns, rows) as the shell prints them."""
    command = [tools.program("sqlite3"), "-readonly", "-bail", "-csv", "-header", "-nullvalue", NULL, str(database)]
    done = subprocess.run(command, input=sql, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return _read(done.stdout)


def ask_postgresql(uri, sql):
    """The same from the other shell."""
    return _read(psql(uri, sql, "--csv", "-P", f"null={NULL}"))


def _read(text):
    """The rows sorted: rows that the query calls equal may come in any order."""
    lines = list(csv.reader(io.StringIO(text)))
    return lines[:1], sorted([re.sub(r"^(-?\d+)\.0$", r"\1", value) for value in row] for row in lines[1:])


def ask_both(database, uri, sql):
    """(SQLite's answer, PostgreSQL's), of about the same moment: SQLite is asked before and after."""
    for _ in range(20):
        before, between, after = ask_sqlite(database, sql), ask_postgresql(uri, sql), ask_sqlite(database, sql)
        if before == after:
            break
    return after, between
