# SPDX-License-Identifier: Apache-2.0
"""Every query of docs/sql.md runs as it stands there, with the sqlite3 shell, on a live database."""

import re
import subprocess

import pytest

from client_scenarios import fresh_name
from support import tools
from support.acme_client import HttpProver

PAGE = tools.ROOT / "docs/sql.md"
QUERIES = re.findall(r"^```sql\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE) if PAGE.exists() else []


def shell(database, sql):
    """As an operator would: no error, and what it printed."""
    command = [tools.program("sqlite3"), "-readonly", "-bail", str(database)]
    done = subprocess.run(command, input=sql, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def database(sites, name_server):
    """Of a gateway where something was issued, something revoked and something failed."""
    from support.http_responder import HttpResponder

    gateway = sites(tools.STEP_CA_VERSIONS[0]).gateway
    client = gateway.client()
    with HttpResponder(gateway.http_port) as server:
        certificate = client.issue([fresh_name()], HttpProver(server))[0]
        assert client.revoke(certificate, 4).status == 200
        client.issue([fresh_name()], HttpProver(server))
    client.order([fresh_name()])
    return gateway.database


def test_there_are_queries():
    assert len(QUERIES) >= 4, "docs/sql.md has no queries to run"


@pytest.mark.parametrize("sql", QUERIES, ids=[" ".join(sql.split())[:50] for sql in QUERIES])
def test_query_runs_as_documented(database, sql):
    shell(database, sql)


@pytest.mark.parametrize("view", ["v_orders", "v_certificates", "v_accounts", "v_events", "v_migration", "v_authorizations"])
def test_every_column_of_the_views_is_described(database, view):
    columns = shell(database, f"SELECT name FROM pragma_table_info('{view}');").split()
    page = PAGE.read_text()
    assert columns and [column for column in columns if f"`{column}`" not in page] == []


def test_every_kind_of_event_is_described(database):
    kinds = shell(database, "SELECT DISTINCT kind FROM events;").split()
    page = PAGE.read_text()
    assert kinds and [kind for kind in kinds if f"`{kind}`" not in page] == []
