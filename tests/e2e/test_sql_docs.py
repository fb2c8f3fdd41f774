# SPDX-License-Identifier: Apache-2.0
"""Every query of docs/sql.md answers alike in the sqlite3 shell and in psql, on the same rows."""

import re
import shlex
import subprocess

import pytest

from support import tools
from support.engines import VIEWS, ask_both, ask_sqlite
from support.postgresql import environment

pytestmark = pytest.mark.sqlite("it asks both engines")

PAGE = tools.ROOT / "docs/sql.md"
QUERIES = re.findall(r"^```sql\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE) if PAGE.exists() else []


def with_rows(database, sql):
    """The query with the name of an order, and as if its orders were older."""
    _, ((name,),) = ask_sqlite(database, "SELECT name FROM certificate_names WHERE name LIKE '*.%';")
    return sql.replace("www.example.org", name).replace("unixepoch() - 600", "unixepoch() + 600")


def test_there_are_queries():
    assert len(QUERIES) >= 4, "docs/sql.md has no queries to run"


@pytest.mark.parametrize("sql", QUERIES, ids=[" ".join(sql.split())[:50] for sql in QUERIES])
def test_query_answers_alike_in_both_shells(module_engines, sql):
    (_, left), (_, right) = ask_both(*module_engines, sql)  # without rows, sqlite3 prints no columns
    assert left == right
    left, right = ask_both(*module_engines, with_rows(module_engines[0], sql))
    assert left == right and left[1]


def test_psql_opens_the_database_as_documented_and_changes_nothing(module_engines):
    (command,) = [line for line in PAGE.read_text().splitlines() if ' psql "$(acmegate db path)"' in line]
    command = command.replace("acmegate db path", f"{tools.acmegate()} db path --database {shlex.quote(module_engines[1])}")
    done = subprocess.run(
        ["bash", "-c", f"{command} -X -At"],
        input="SELECT count(*) FROM v_orders; DELETE FROM events;",
        capture_output=True,
        text=True,
        env=environment(),
        timeout=60,
        check=False,
    )
    assert int(done.stdout) > 0 and "read-only transaction" in done.stderr


@pytest.mark.parametrize("view", VIEWS)
def test_every_column_of_the_views_is_described(module_engines, view):
    _, columns = ask_sqlite(module_engines[0], f"SELECT name FROM pragma_table_info('{view}');")
    page = PAGE.read_text()
    assert columns and [column for (column,) in columns if f"`{column}`" not in page] == []


def test_every_kind_of_event_is_described(module_engines):
    _, kinds = ask_sqlite(module_engines[0], "SELECT DISTINCT kind FROM events;")
    page = PAGE.read_text()
    assert len(kinds) > 20 and [kind for (kind,) in kinds if f"`{kind}`" not in page] == []
