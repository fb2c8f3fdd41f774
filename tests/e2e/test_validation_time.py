# SPDX-License-Identifier: Apache-2.0
"""S8: a validation's try has one deadline, whatever is slow in it; each address gets its share of that time."""

import contextlib
import socket

import pytest

from client_scenarios import fresh_name
from support import odd_name_server as dns
from support.background import Background
from support.http_responder import HttpResponder
from support.odd_name_server import Answer, OddNameServer, Silence
from support.waiting import wait_until

TIMEOUT_S = 6  # an address gets a part of it, in which a busy machine must answer
SILENT = [f"127.0.0.{last}" for last in range(11, 19)]


@pytest.fixture
def odd():
    with OddNameServer() as server:
        yield server


@pytest.fixture
def gateway(new_gateway, step_ca, odd):
    gateway = new_gateway(step_ca)
    gateway.configuration["validation"] |= {
        "resolvers": [odd.address],
        "timeout": f"{TIMEOUT_S}s",
        "retry_for": "0s",
    }
    gateway.configuration["endpoints"]["acme"]["caa_identities"] = ["ca.test"]
    return gateway.start()


@pytest.fixture
def silent(gateway):
    """The ports of the challenges at the silent addresses: connections are made, and nothing comes."""
    with contextlib.ExitStack() as listeners:
        for address in SILENT:
            for port in (gateway.http_port, gateway.tls_port):
                listeners.enter_context(socket.create_server((address, port), backlog=64))
        yield


def addresses(*texts):
    return Answer(*[dns.address("x.test", text) for text in texts])


# The kind of challenge, what is said of A and of CAA, and how the authorization ends.
TRIES = {
    "silent addresses by http-01": ("http-01", addresses(*SILENT), Answer(), "invalid"),
    "silent addresses by tls-alpn-01": ("tls-alpn-01", addresses(*SILENT), Answer(), "invalid"),
    "silent name server": ("http-01", Silence(), Answer(), "invalid"),
    "silence about CAA": ("http-01", addresses("127.0.0.1"), Silence(), "invalid"),
    "the last address answers": ("http-01", addresses(*SILENT[:3], "127.0.0.1"), Answer(), "valid"),
}


def ask(client, name, kind, server):
    authorization = client.get(client.order([name]).json()["authorizations"][0])
    challenge = client.challenge(authorization, kind)
    server.answers[challenge["token"]] = client.key_authorization(challenge["token"])
    client.post(challenge["url"], {})


def test_S8_a_try_ends_within_its_time(gateway, odd, silent):
    client, names = gateway.client(), {case: fresh_name() for case in TRIES}
    with HttpResponder(gateway.http_port) as server:
        for case, (_, about_address, about_caa, _) in TRIES.items():
            odd.says[names[case], dns.A] = about_address
            odd.says[names[case], dns.AAAA] = Answer()
            odd.says[names[case], dns.CAA] = about_caa
        asking = [Background(ask, client, names[case], kind, server) for case, (kind, *_) in TRIES.items()]
        for one in asking:
            one.end()
        for case, (*_, status) in TRIES.items():
            began, ended = wait_for_times(gateway, names[case], status)
            # Every silent address had the whole time to itself once: eight of them took eight times as long.
            assert ended - began <= 2 * TIMEOUT_S, case


def wait_for_times(gateway, name, status):
    """When the challenge was asked for and when it ended, in seconds."""

    def rows():
        return gateway.query(
            "SELECT e.at, e.kind FROM events e JOIN authorizations z ON z.id = e.authorization_id"
            " WHERE z.identifier = ? AND e.kind LIKE 'challenge.%' ORDER BY e.id",
            name,
        )

    began, ended = wait_until(lambda: rows() if len(rows()) == 2 else None, f"{name} to end", 60)
    assert ended["kind"] == f"challenge.{status}", name
    return began["at"], ended["at"]
