# SPDX-License-Identifier: Apache-2.0
"""Connections are shared out: nobody who merely connects keeps others from it."""

import contextlib
import http.client
import socket
import ssl
import time

import pytest

from support.admin import Admin
from support.metrics import scrape
from support.ports import free_port
from support.waiting import wait_until

PATH = "/acme/acme/directory"
HOARDER = "127.0.0.2"
MOST = 20  # connections that the gateway takes


@pytest.fixture
def gateway(step_ca, new_gateway):
    gateway = new_gateway(step_ca)
    gateway.configuration.update(loops=1)
    gateway.configuration["limits"]["max_connections"] = MOST - 1  # of one loop one more
    return gateway


@pytest.fixture
def connections():
    with contextlib.ExitStack() as stack:
        yield stack


def silent(connections, port, address=HOARDER):
    return connections.enter_context(socket.create_connection(("127.0.0.1", port), 10, source_address=(address, 0)))


def client_of(connections, gateway, address="127.0.0.1"):
    """A connection that is kept alive."""
    context = ssl.create_default_context(cafile=str(gateway.root_path))
    connection = http.client.HTTPSConnection("localhost", gateway.port, timeout=5, context=context, source_address=(address, 0))
    connections.callback(connection.close)
    return connection


def asks(connection):
    connection.request("GET", PATH)
    reply = connection.getresponse()
    reply.read()
    return reply.status


def is_closed(plain):
    """It ended, or is about to."""
    plain.settimeout(5)
    try:
        return plain.recv(1) == b""
    except ConnectionError:
        return True


def test_O10_one_address_does_not_starve_the_others(gateway, with_admin, connections):
    admin = with_admin(gateway)
    gateway.start()
    kept = client_of(connections, gateway)
    assert asks(kept) == 200
    hoard = [silent(connections, gateway.port) for _ in range(MOST + 30)]
    begin = time.monotonic()
    others = [client_of(connections, gateway, f"127.0.0.{n}") for n in range(3, 8)]
    assert [asks(one) for one in others] == [200] * 5
    # Far below every timeout: nobody waited for one.
    assert time.monotonic() - begin < 4
    assert asks(kept) == 200, "an idle connection of somebody else is left alone"
    # The oldest went, the newest stay.
    assert all(is_closed(one) for one in hoard[:30])
    assert scrape(admin)("acmegate_http_connections_evicted_total") >= 30
    assert gateway.process.output().count("connections on one loop, its maximum") <= 2


def test_O10_who_hoards_pays_with_its_own_connections(gateway, connections):
    gateway.start()
    begin = time.monotonic()
    hoard = [client_of(connections, gateway, HOARDER) for _ in range(MOST + 10)]
    assert [asks(one) for one in hoard] == [200] * len(hoard)
    assert time.monotonic() - begin < 20
    assert all(is_closed(one.sock) for one in hoard[:10])


def test_S15_silent_connections_to_the_admin_listener_shut_nobody_out(gateway, with_admin, connections, tmp_path):
    local, port = with_admin(gateway), free_port()
    (tmp_path / "token").write_text("x" * 40)
    (tmp_path / "token").chmod(0o600)
    gateway.configuration["admin"].update(listen=[f"127.0.0.1:{port}"], token_file=str(tmp_path / "token"))
    gateway.start()
    hoard = [silent(connections, port) for _ in range(70)]
    begin = time.monotonic()
    assert local.raw("GET", "/api/v1/issuers").status == 200
    assert Admin.on_tcp(port, gateway.root_path, "x" * 40).raw("GET", "/api/v1/issuers").status == 200
    assert time.monotonic() - begin < 4
    assert is_closed(hoard[0])


def has_ended(secure):
    """Without waiting for it."""
    secure.settimeout(0)
    try:
        return secure.recv(1) == b""
    except (ssl.SSLWantReadError, BlockingIOError):
        return False
    except OSError:
        return True


def test_another_limit_is_in_force_after_a_reload(connections, gateway):
    gateway.start()
    kept = [client_of(connections, gateway) for _ in range(MOST)]
    assert [asks(one) for one in kept] == [200] * MOST
    gateway.configuration["limits"]["max_connections"] = 2 * MOST
    status, output, words = gateway.run("reload")
    assert status == 0 and "limits.max_connections is in force" in output, output + words
    kept += [client_of(connections, gateway) for _ in range(MOST)]
    assert [asks(one) for one in kept] == [200] * 2 * MOST
    gateway.configuration["limits"]["max_connections"] = 1
    status, output, words = gateway.run("reload")
    assert status == 0, output + words
    wait_until(lambda: [has_ended(one.sock) for one in kept].count(True) == 2 * MOST - 2, "the others to be closed")
