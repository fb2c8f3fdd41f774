# SPDX-License-Identifier: Apache-2.0
"""`acmegate db copy`: from SQLite to PostgreSQL and back, and no client notices (docs/scale-out.md)."""

import json
import shutil
import signal
import sqlite3

import pytest

from client_scenarios import fresh_name
from support import tools
from support.acme_client import AcmeClient, HttpProver
from support.certificates import new_key, renewal_identifier
from support.databases import PostgreSQL, SQLite
from support.eab import add_key, binding
from support.filled_gateway import filled_gateway
from support.gateway import environment, run_command
from support.processes import Process
from support.waiting import wait_until

pytestmark = pytest.mark.sqlite("it uses both engines")

LEFT_OUT = {"schema_version"}
# Somebody's transaction that keeps the table busy: of those in the order of their names it is in the middle.
BUSY = "events"


def copy(source, target, *options):
    return run_command(tools.acmegate(), "db", "copy", "--from", source, "--to", target, *options)


def copied(source, target):
    status, said, words = copy(source, target)
    assert (status, words) == (0, ""), words
    return said


def new_store(kind, parent, *arguments):
    folder = parent / f"store-{len(list(parent.glob('store-*')))}"
    folder.mkdir()
    return kind(folder, *arguments)


@pytest.fixture
def new_file(tmp_path):
    return lambda: new_store(SQLite, tmp_path)


@pytest.fixture
def new_server_database(tmp_path, shared_postgresql):
    made = []

    def make():
        made.append(new_store(PostgreSQL, tmp_path, shared_postgresql))
        return made[-1]

    yield make
    for store in made:
        store.drop()


def rows_of(store):
    """Each table's rows, but those about the servers of one database."""
    listed = "SELECT name FROM sqlite_schema WHERE type = 'table'"
    if isinstance(store, PostgreSQL):
        listed = "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"
    reader = store.reader()
    tables = {row["name"] for row in reader.query(listed)} - LEFT_OUT
    found = {table: sorted(map(repr, reader.query(f"SELECT * FROM {table}"))) for table in tables}
    reader.close()
    return found


# ---- a gateway that moves, and moves back ----


def take(gateway, store):
    """Changes the configuration of a gateway that has stopped."""
    for key in gateway.store.configuration:
        del gateway.configuration[key]
    gateway.configuration |= store.configuration
    gateway.store = store


def move(gateway, store):
    """As docs/scale-out.md has it: stop, copy, move the key of the secrets, change the configuration, start."""
    gateway.stop()
    before = rows_of(gateway.store)
    status, _, words = gateway.run("db", "copy", "--to", store.place)
    assert (status, words) == (0, "")
    assert rows_of(store) == before
    shutil.copy(gateway.beside("secret"), store.beside("secret"))
    take(gateway, store)
    status, said, words = gateway.run("check")
    assert status == 0 and "opens the sealed secrets of the database" in said, (said, words)
    gateway.start()
    assert gateway.query("SELECT count(*) AS n FROM events WHERE kind = 'database.restored'") == [{"n": 0}]


def renew(client, prover, name, old):
    """With `replaces`, by the authorization that is still valid."""
    order = client.ready_order([name], prover, replaces=renewal_identifier(old))
    assert order.json()["replaces"] == renewal_identifier(old)
    assert client.finalize(order, [name]).status == 200
    return client.certificate(order.location)[0]


def failed_order(client):
    reply = client.order([fresh_name()])
    (url,) = reply.json()["authorizations"]
    assert client.post(client.challenge(client.get(url), "http-01")["url"], {}).status == 200
    assert client.wait_while(url, "pending")["status"] == "invalid"
    return reply.location


def test_a_client_goes_on_at_the_copy_and_at_the_copy_of_the_copy(
    gateway, responder, new_server_database, new_file, step_ca
):
    gateway.configuration["endpoints"]["acme"]["eab"] = "optional"
    gateway.start()
    prover, name = HttpProver(responder(gateway)), fresh_name()
    kid, mac_key = add_key(gateway, "--comment", "for the tests")
    client = AcmeClient(gateway.directory(), gateway.root_path)
    client.register(externalAccountBinding=binding(client, kid, mac_key))
    order = client.ready_order([name], prover)
    assert client.finalize(order, [name]).status == 200
    certificates = [client.certificate(order.location)[0]]
    other = client.issue([fresh_name()], prover)[0]
    ended = client.issue([fresh_name()], prover)[0]
    assert client.revoke(ended).status == 200
    pending, failed = client.order([fresh_name()]), failed_order(client)
    urls = {url: client.get(url) for url in (order.location, pending.location, failed)}
    for store in (new_server_database(), new_file()):
        move(gateway, store)
        assert {url: client.get(url) for url in urls} == urls
        again = AcmeClient(gateway.directory(), gateway.root_path, client.key)
        assert again.register(onlyReturnExisting=True).account == client.account
        assert client.certificate(order.location)[0] == certificates[0]
        certificates.append(renew(client, prover, name, certificates[-1]))
        assert client.revoke(ended).problem == "alreadyRevoked"
        # The external key opens with the secret that moved along.
        newcomer = AcmeClient(gateway.directory(), gateway.root_path, new_key())
        newcomer.register(externalAccountBinding=binding(newcomer, kid, mac_key))
        newcomer.issue([fresh_name()], prover)
    assert client.revoke(other).status == 200
    wait_until(lambda: other.serial_number in step_ca.revoked(), "the CA to revoke it")
    # What was ordered before the first move can be finished after the second.
    (identifier,) = pending.json()["identifiers"]
    assert [one["status"] for one in client.prove(pending.json(), prover)] == ["valid"]
    assert client.finalize(pending, [identifier["value"]]).status == 200
    client.certificate(pending.location)
    assert len({one.serial_number for one in certificates}) == 3
    ids = [row["id"] for row in gateway.query("SELECT id FROM orders ORDER BY id")]
    assert len(set(ids)) == len(ids)
    gateway.stop()
    status, said, words = gateway.run("db", "check")
    assert status == 0, (said, words)


# ---- rows ----


@pytest.fixture(scope="module")
def filled(new_module_gateway, step_ca, name_server, tmp_path_factory):
    """A stopped gateway with rows in each table."""
    with filled_gateway(new_module_gateway, step_ca, name_server, tmp_path_factory.mktemp("filled")) as gateway:
        yield gateway.store


def test_what_went_there_and_back_is_the_same(filled, new_server_database, new_file):
    there, other, back, last = new_server_database(), new_server_database(), new_file(), new_file()
    said = copied(filled.place, there.place)
    copied(there.place, back.place)
    copied(there.place, other.place)
    copied(back.place, last.place)
    before = rows_of(filled)
    assert all(before.values())
    for store in (there, other, back, last):
        assert rows_of(store) == before
    counts = {table: len(rows) for table, rows in before.items()}
    lines = [f"{table}: {n} {'row' if n == 1 else 'rows'}" for table, n in sorted(counts.items())]
    assert said.splitlines()[: len(lines)] == lines
    assert f"copied {sum(counts.values())} rows of {len(counts)} tables from {filled.place} to {there.place}" in said


def test_json(filled, new_server_database):
    there = new_server_database()
    status, said, words = copy(filled.place, there.place, "--json")
    assert (status, words) == (0, "")
    (line,) = map(json.loads, said.splitlines())
    counts = {table: len(rows) for table, rows in rows_of(filled).items()}
    assert line == {
        "from": str(filled.place),
        "to": there.place,
        "tables": [{"table": table, "rows": rows} for table, rows in sorted(counts.items())],
        "rows": sum(counts.values()),
    }


def test_the_password_comes_from_a_file(filled, postgresql, tmp_path):
    uri = postgresql.new_database(over="tcp")
    bare = uri.replace(uri[uri.index("acmegate:") : uri.index("@")], "acmegate")
    password = tmp_path / "password"
    password.write_text("a password of the tests\n")
    password.chmod(0o600)
    status, _, words = copy(filled.place, bare)
    assert status == 1 and "password" in words
    status, _, words = copy(filled.place, bare, "--to-password-file", password)
    assert (status, words) == (0, "")


# ---- refusals ----


class Refusal:
    """Of a copy from `source` to `target`, which `prepare` has made impossible."""

    def __init__(self, words, prepare, name):
        self.words, self.prepare, self.name = words, prepare, name


def in_use(_, target):
    target.execute("CREATE TABLE theirs (id bigint PRIMARY KEY)", ())


def older(_, target):
    copied_schema(target)
    target.execute("UPDATE schema_version SET version = 12", ())


def with_rows(_, target):
    copied_schema(target)
    target.execute("INSERT INTO early_renewals VALUES (1, 'all', 0, 0, 0, NULL, 0)", ())


def copied_schema(target):
    status, _, words = run_command(tools.acmegate(), "db", "migrate", "--database", target.place)
    assert status == 0, words


def with_nul(source, _):
    source.execute("UPDATE accounts SET user_agent = 'a' || char(0) WHERE id = (SELECT min(id) FROM accounts)", ())


def with_another_table(source, _):
    source.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY)", ())


REFUSALS = [
    Refusal("has tables, but not those of acmegate: it is left alone", in_use, "of another program"),
    Refusal("'acmegate db migrate' takes it there", older, "an older target"),
    Refusal("is not empty: its table early_renewals has rows", with_rows, "a target with rows"),
    Refusal("has a NUL in its column user_agent, which PostgreSQL cannot store", with_nul, "a NUL"),
    Refusal("has a table notes that is not acmegate's", with_another_table, "a table of the operator"),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_a_refusal_names_its_cause_and_leaves_both_as_they_were(refusal, filled, new_server_database, new_file):
    source, target = new_file(), new_server_database()
    copied(filled.place, source.place)
    refusal.prepare(source, target)
    before = rows_of(source), rows_of(target)
    status, _, words = copy(source.place, target.place)
    assert status == 1 and words.startswith("acmegate db copy: nothing was copied: ") and refusal.words in words
    after = rows_of(source), {table: rows for table, rows in rows_of(target).items() if rows or table in before[1]}
    assert after == before


@pytest.mark.parametrize("on_postgresql", [False, True], ids=["SQLite", "PostgreSQL"])
def test_a_database_that_a_server_has_is_neither_source_nor_target(
    on_postgresql, gateway, new_server_database, new_file
):
    other = new_file()
    copied_schema(other)
    if on_postgresql:
        take(gateway, new_server_database())
    gateway.start()
    for source, target in ((gateway.database, other.place), (other.place, gateway.database)):
        status, _, words = copy(source, target)
        assert status == 1 and "is already served by another acmegate" in words, words


# ---- an interruption ----


def copying(source, target, log):
    command = [tools.acmegate(), "db", "copy", "--from", source.place, "--to", target.place]
    return Process("acmegate", command, log, environment())


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "terminated"])
@pytest.mark.parametrize("to_postgresql", [True, False], ids=["to PostgreSQL", "to SQLite"])
def test_an_interrupted_copy_leaves_an_empty_target(to_postgresql, end, filled, new_server_database, new_file, tmp_path):
    server, source, target = new_server_database(), filled, new_file()
    if to_postgresql:
        target = server
        copied_schema(target)
    else:
        copied(filled.place, server.place)
        source = server
    # The copy waits in the middle for a lock that somebody has.
    blocker, looker = server.reader(), server.reader()
    blocker.execute("BEGIN", ())
    blocker.execute(f"LOCK TABLE {BUSY} IN {'EXCLUSIVE' if to_postgresql else 'ACCESS EXCLUSIVE'} MODE", ())
    process = copying(source, target, tmp_path / "copy.log")
    waits = f"SELECT pid FROM pg_locks WHERE NOT granted AND relation = '{BUSY}'::regclass"
    wait_until(lambda: looker.query(waits), "the copy to wait")
    process.signal(end)
    assert process.wait_end() == -end
    blocker.execute("ROLLBACK", ())
    gone = """SELECT pid FROM pg_locks WHERE locktype = 'advisory'
              AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
    wait_until(lambda: not looker.query(gone), "the server to notice")
    blocker.close()
    looker.close()
    assert not any(rows_of(target).values())
    copied(source.place, target.place)
    assert rows_of(target) == rows_of(filled)


def test_a_source_stays_as_it_is(filled, new_server_database):
    before = filled.place.read_bytes()
    copied(filled.place, new_server_database().place)
    assert filled.place.read_bytes() == before
    with sqlite3.connect(f"file:{filled.place}?mode=ro", uri=True) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
