# SPDX-License-Identifier: Apache-2.0
"""tls-alpn-01 for real (RFC 8737, RFC 8738): what it accepts, what it refuses, and what the client is told."""

import pytest

from client_scenarios import fresh_name
from support.certificates import names_of, new_key, slow_rsa_key
from support.checks import assert_chains_to
from support.clients import Lego
from support.tls_responder import TlsProver, TlsResponder


@pytest.fixture
def gateway(current_site):
    return current_site.gateway


@pytest.fixture
def responder(gateway, tmp_path):
    entered = []

    def make(**members):
        entered.append(TlsResponder(gateway.tls_port, tmp_path, **members))
        return entered[-1].__enter__()

    yield make
    for one in entered:
        one.__exit__()


def challenge_after(client, name, prover=None):
    """Asks for the validation; (order's URL, challenge as it ended)."""
    order = client.order([name])
    (url,) = order.json()["authorizations"]
    challenge = client.challenge(client.get(url), "tls-alpn-01")
    if prover:
        prover.prepare(client, name, challenge["token"])
    assert client.post(challenge["url"], {}).status == 200
    client.wait_while(url, "pending")
    return order.location, client.get(challenge["url"])


@pytest.mark.check(41)
def test_a_certificate_by_name_and_one_by_address(current_site, gateway, responder):
    server, client = responder(), gateway.client()
    for name, asked in ((fresh_name(), None), ("127.0.0.1", "1.0.0.127.in-addr.arpa")):
        chain = client.issue([name], TlsProver(server))
        assert names_of(chain[0]) == [name]
        assert_chains_to(chain, current_site.ca.root.certificate)
        assert server.asked[-1] == (asked or name)


WRONG = {
    "another key authorization": ({"key_authorization": "x.y"}, "not the SHA-256"),
    "no acmeIdentifier": ({"extension": False}, "no acmeIdentifier"),
    "acmeIdentifier not critical": ({"critical": False}, "not critical"),
    "another name": ({"names": ["other.example"]}, "is not"),
    "two names": ({"names": ["a.example", "b.example"]}, "has 2 entries"),
    "no name": ({"names": []}, "no subjectAltName"),
    "not self-signed": ({"signer": new_key()}, "not self-signed"),
}


@pytest.mark.check(41)
@pytest.mark.parametrize("case", WRONG, ids=list(WRONG))
def test_wrong_certificates(gateway, responder, case):
    members, words = WRONG[case]
    client = gateway.client()
    order, challenge = challenge_after(client, fresh_name(), TlsProver(responder(), **members))
    assert challenge["status"] == "invalid" and challenge["error"]["type"].endswith(":unauthorized"), challenge
    assert words in challenge["error"]["detail"] and str(gateway.tls_port) in challenge["error"]["detail"]
    assert client.get(order)["status"] == "invalid"


@pytest.mark.check(41)
@pytest.mark.parametrize("alpn", [None, "http/1.1"], ids=["no protocol", "another protocol"])
def test_a_server_that_does_not_know_the_protocol(gateway, responder, alpn):
    client = gateway.client()
    _, challenge = challenge_after(client, fresh_name(), TlsProver(responder(alpn=alpn)))
    assert challenge["status"] == "invalid", challenge
    kinds = ("unauthorized", "tls")  # OpenSSL's servers go on without; others end the handshake
    assert challenge["error"]["type"].rsplit(":", 1)[1] in kinds, challenge


def test_S9_a_key_that_is_slow_to_verify_with_is_refused_before(gateway, responder):
    _, challenge = challenge_after(gateway.client(), fresh_name(), TlsProver(responder(), key=slow_rsa_key()))
    assert challenge["status"] == "invalid" and challenge["error"]["type"].endswith(":tls"), challenge
    assert "RSA key with a long exponent" in challenge["error"]["detail"]


def test_a_server_that_speaks_no_tls(gateway, responder):
    responder()
    _, challenge = challenge_after(gateway.client(), fresh_name())
    assert challenge["status"] == "invalid" and challenge["error"]["type"].endswith(":tls"), challenge
    assert "127.0.0.1 port" in challenge["error"]["detail"]


def test_nobody_there(gateway):
    _, challenge = challenge_after(gateway.client(), fresh_name())
    assert challenge["status"] == "invalid" and challenge["error"]["type"].endswith(":connection"), challenge
    assert "Connection refused" in challenge["error"]["detail"]


def test_wildcards_are_not_offered_it(gateway):
    client = gateway.client()
    order = client.order([f"*.{fresh_name()}"])
    (url,) = order.json()["authorizations"]
    assert [one["type"] for one in client.get(url)["challenges"]] == ["dns-01"]


def test_it_stands_behind_the_others(gateway):
    """Clients that stop at what they do not know take the first they do (uacme)."""
    client = gateway.client()
    (url,) = client.order([fresh_name()]).json()["authorizations"]
    assert [one["type"] for one in client.get(url)["challenges"]] == ["http-01", "dns-01", "tls-alpn-01"]


def test_lego(gateway, tmp_path, name_server):
    lego, name = Lego(gateway, tmp_path / "lego", name_server), fresh_name()
    lego.call([name], ["--tls", "--tls.port", f"127.0.0.1:{gateway.tls_port}"], "run")
    assert names_of(lego.chain(name)[0]) == [name]
