# SPDX-License-Identifier: Apache-2.0
"""What must hold with much in the database, many connections, and a CA that is away."""

import asyncio
import contextlib
import pathlib
import socket
import sqlite3
import ssl
import statistics
import threading
import time
import urllib.request

from measure import Load, load_arguments, measure_once, memory_mib
from support.gateway import Gateway, run_command, stepca_issuer
from support import tools
from support.ports import free_port
from support.step_ca import StepCA
from support.waiting import wait_until

MANY_ISSUANCES = 10_000
IDLE_CONNECTIONS = 1_000
ORDERS, ACCOUNTS = 1_000_000, 100_000
OUTAGE_ORDERS, OUTAGE_S = 10_000, 60
CALLS_AT_ONCE = 16


@contextlib.contextmanager
def running(gateway):
    gateway.start()
    try:
        yield gateway
    finally:
        gateway.stop()


# ---- memory ----


def memory_of_many_issuances(folder, ca):
    gateway = Gateway(folder / "many", stepca_issuer(ca, folder / "many-issuer"), ca.root_path)
    with running(gateway):
        arguments = load_arguments(gateway)
        return measure_once(32, MANY_ISSUANCES, arguments, gateway.process.pid, ca.process.pid)["rss_mib"]


def _connect(gateway, context):
    """A connection that has asked one thing and stays."""
    plain = socket.create_connection(("127.0.0.1", gateway.port), 10)
    connection = context.wrap_socket(plain, server_hostname="localhost")
    connection.sendall(b"GET /acme/acme/directory HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    return connection


def memory_of_idle_connections(folder, ca):
    """KiB for each."""
    gateway = Gateway(folder / "idle", stepca_issuer(ca, folder / "idle-issuer"), ca.root_path)
    context = ssl.create_default_context(cafile=str(ca.root_path))
    with running(gateway), contextlib.ExitStack() as connections:
        for _ in range(50):
            _connect(gateway, context).close()
        before = memory_mib(gateway.process.pid)
        for _ in range(IDLE_CONNECTIONS):
            connections.enter_context(_connect(gateway, context))
        return (memory_mib(gateway.process.pid) - before) * 1024 / IDLE_CONNECTIONS


# ---- a large database ----

# Orders as they are a day after their issuance, with the names, attempts and events that go with them.
_FILL = """
CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :orders) SELECT i FROM n;
INSERT INTO accounts (id, endpoint, thumbprint, status, key, contacts, terms_agreed, created_at)
  SELECT i, 'acme', hex(randomblob(22)), 'valid', '{"x":"' || hex(randomblob(32)) || '"}', '[]', 1, :at
  FROM n WHERE i <= :accounts;
INSERT INTO authorizations (id, account_id, identifier_type, identifier, wildcard, status, created_at, expires_at, token,
    offered, challenge_type, challenge_status, validated_at, attempt_count, first_attempt_at)
  SELECT 1000000 + i, 1 + i % :accounts, 'dns', 'host-' || i || '.example.org', 0, 'valid', :at, :at + 86400,
    hex(randomblob(16)), 6, 'http-01', 'valid', :at, 1, :at FROM n;
INSERT INTO issuer_identities (id, issuer, root_fingerprint) VALUES (1, 'earlier', 'earlier');
INSERT INTO chains (id, hash, pem) VALUES (1, 'earlier', hex(randomblob(600)));
INSERT INTO orders (id, account_id, profile, status, status_since, created_at, expires_at, processing_since,
    attempt_count, client_address, user_agent, csr)
  SELECT 3000000 + i, 1 + i % :accounts, 'default', 'processing', :at, :at, :at + 86400, :at, 1, '192.0.2.7',
    'CertbotACMEClient/2.1.0 (certbot; Debian GNU/Linux 12 (bookworm))', randomblob(300) FROM n;
INSERT INTO order_authorizations (order_id, position, authorization_id) SELECT 3000000 + i, 0, 1000000 + i FROM n;
INSERT INTO attempts (id, order_id, issuer_identity_id, token_id, csr_hash, asked_validity, status, started_at, ended_at,
    http_status)
  SELECT 5000000 + i, 3000000 + i, 1, hex(randomblob(32)), randomblob(32), '', 'signed', :at, :at, 201 FROM n;
INSERT INTO certificates (id, account_id, order_id, issuer_identity_id, chain_id, serial, key_hash, not_before, not_after,
    status, created_at, leaf)
  SELECT 7000000 + i, 1 + i % :accounts, 3000000 + i, 1, 1, hex(randomblob(16)), randomblob(32), :at, :at + 86400, 'good',
    :at, randomblob(600) FROM n;
UPDATE orders SET status = 'valid', certificate_id = id + 4000000;
INSERT INTO certificate_names (certificate_id, name) SELECT 7000000 + i, 'host-' || i || '.example.org' FROM n;
INSERT INTO events (id, at, kind, account_id, order_id, who)
  SELECT 10000000 + 6 * i, :at, 'order.created', 1 + i % :accounts, 3000000 + i, 'client 192.0.2.7' FROM n;
INSERT INTO events (id, at, kind, account_id, authorization_id, who, detail)
  SELECT 10000001 + 6 * i, :at, 'challenge.requested', 1 + i % :accounts, 1000000 + i, 'client 192.0.2.7', 'http-01' FROM n;
INSERT INTO events (id, at, kind, account_id, authorization_id, who, detail)
  SELECT 10000002 + 6 * i, :at, 'challenge.valid', 1 + i % :accounts, 1000000 + i, 'gateway',
    'GET http://host.example.org/.well-known/acme-challenge/… at 192.0.2.7 port 80: status 200' FROM n;
INSERT INTO events (id, at, kind, account_id, order_id, who)
  SELECT 10000003 + 6 * i, :at, 'order.ready', 1 + i % :accounts, 3000000 + i, 'gateway' FROM n;
INSERT INTO events (id, at, kind, account_id, order_id, who)
  SELECT 10000004 + 6 * i, :at, 'order.finalized', 1 + i % :accounts, 3000000 + i, 'client 192.0.2.7' FROM n;
INSERT INTO events (id, at, kind, account_id, order_id, certificate_id, who)
  SELECT 10000005 + 6 * i, :at, 'order.valid', 1 + i % :accounts, 3000000 + i, 7000000 + i, 'gateway' FROM n;
"""


def fill(gateway, orders, accounts):
    status, _, words = gateway.run("db", "migrate")
    assert status == 0, words
    values = {"orders": orders, "accounts": accounts, "at": int(time.time()) - 86400}
    connection = sqlite3.connect(gateway.database, isolation_level=None)
    try:
        connection.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -500000; PRAGMA temp_store = MEMORY;")
        connection.execute("BEGIN")
        for statement in _FILL.split(";\n")[:-1]:
            connection.execute(statement, {name: value for name, value in values.items() if f":{name}" in statement})
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def seconds_to_first_answer(gateway):
    """From the start of the process to a directory."""
    context = ssl.create_default_context(cafile=str(gateway.root_path))
    began = time.monotonic()
    gateway.launch()

    def answers():
        try:
            with urllib.request.urlopen(gateway.directory(), context=context, timeout=5) as reply:
                return reply.status == 200
        except OSError:
            return False

    wait_until(answers, "a directory", 60)
    return time.monotonic() - began


def cost_of_a_large_database(folder, ca, repeats):
    """(processor time of an issuance with it / with an empty one, seconds to the first answer, MiB of the file)."""
    small = Gateway(folder / "small", stepca_issuer(ca, folder / "small-issuer"), ca.root_path)
    large = Gateway(folder / "large", stepca_issuer(ca, folder / "large-issuer"), ca.root_path)
    large.write_configuration()
    fill(large, ORDERS, ACCOUNTS)
    # The first start makes the server's own certificate; the second is a start as they usually are.
    with running(large):
        pass
    seconds = seconds_to_first_answer(large)
    mib = large.database.stat().st_size / 2**20
    try:
        with running(small):
            costs = {small: [], large: []}
            for _ in range(repeats):
                for gateway, found in costs.items():
                    run = measure_once(32, 1200, load_arguments(gateway), gateway.process.pid, ca.process.pid)
                    found.append(run["cpu_ms"])
    finally:
        large.stop()
    return statistics.median(costs[large]) / statistics.median(costs[small]), seconds, mib


# ---- an outage ----


class Line:
    """The line to the CA: counts the connections on it, and can be cut."""

    def __init__(self, port):
        self.port = free_port()
        self.open = 0
        self.most = 0
        self._to = port
        self._loop = asyncio.new_event_loop()
        self._server = None
        self._writers = set()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    def restore(self):
        self._run(self._listen())

    def cut(self):
        self._run(self._close())

    def stop(self):
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _listen(self):
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)

    async def _close(self):
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()

    async def _carry(self, reader, writer):
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            back_reader, back_writer = await asyncio.open_connection("127.0.0.1", self._to)
            self._writers |= {writer, back_writer}
            await asyncio.gather(self._copy(reader, back_writer), self._copy(back_reader, writer))
            self._writers -= {writer, back_writer}
        except OSError:
            writer.close()
        finally:
            self.open -= 1

    async def _copy(self, reader, writer):
        try:
            while block := await reader.read(65536):
                writer.write(block)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


def outage(folder, ca):
    """Many orders while the CA is away. What became of them, and what it took."""
    line = Line(ca.port)
    line.restore()
    issuer = stepca_issuer(ca, folder / "outage-issuer", url=f"https://localhost:{line.port}")
    gateway = Gateway(folder / "outage", {**issuer, "max_concurrent": CALLS_AT_ONCE}, ca.root_path)
    gateway.configuration["finalize"] = {"hold_reply": "0s"}
    with running(gateway), contextlib.closing(contextlib.ExitStack()):
        load = Load("-clients", 64, "-count", OUTAGE_ORDERS, "-patient", *load_arguments(gateway))
        line.cut()
        began = time.monotonic()
        load.go_on()
        load.await_word("ordered")
        ordered_s = time.monotonic() - began
        (waiting,) = gateway.query("SELECT count(*) AS n FROM orders WHERE status = 'processing'")
        threading.Event().wait(max(0, OUTAGE_S - ordered_s))
        line.most = 0
        line.restore()
        result = load.result()
        (outcome,) = gateway.query(
            "SELECT sum(status = 'valid') AS valid, sum(status <> 'valid') AS others,"
            " (SELECT count(*) FROM attempts WHERE status <> 'signed') AS failed_attempts FROM orders"
        )
        peak = memory_mib(gateway.process.pid, "VmHWM")
    line.stop()
    return {
        "ordered": OUTAGE_ORDERS,
        "ordered_s": ordered_s,
        "waiting": waiting["n"],
        "valid": outcome["valid"],
        "others": outcome["others"],
        "failed_attempts": outcome["failed_attempts"],
        "seconds_to_drain": result["seconds"],
        "connections_at_most": line.most,
        "peak_mib": peak,
    }


# ---- all of it ----


def measure(folder):
    """(the aims' rows, the figures behind them)."""
    ca = StepCA(folder / "limits-ca").start()
    try:
        resident = memory_of_many_issuances(folder, ca)
        idle = memory_of_idle_connections(folder, ca)
        ratio, seconds, mib = cost_of_a_large_database(folder, ca, 3)
        away = outage(folder, ca)
    finally:
        ca.stop()
    rows = [
        (f"RSS in MiB after {MANY_ISSUANCES:,} issuances at 32 clients", resident, "≤", 24),
        ("an idle TLS connection, KiB", idle, "≤", 32),
        (f"CPU per issuance with {ORDERS:,} orders and {ACCOUNTS:,} accounts ({mib:,.0f} MiB), empty = 1", ratio, "≤", 1.1),
        ("seconds from start to the first answer with that database", seconds, "≤", 1),
        (f"of {OUTAGE_ORDERS:,} orders made while the CA was away for a minute, not issued", away["others"], "≤", 0),
        ("connections to the CA at most when it came back (max_concurrent + 1)", away["connections_at_most"], "≤",
         CALLS_AT_ONCE + 1),
        ("RSS in MiB at most, meanwhile", away["peak_mib"], "≤", 96),
    ]
    return rows, away
