# SPDX-License-Identifier: Apache-2.0
"""What hostile or broken clients send gets the right problem document, and nothing is lost by it."""

import contextlib
import re
import socket
import ssl

import pytest

from client_scenarios import fresh_name
from cryptography.hazmat.primitives.asymmetric import rsa
from support import jose
from support.acme_client import JOSE_JSON, HttpProver, Refused
from support.certificates import der, names_of, new_csr, new_key
from support.checks import assert_chains_to


@pytest.fixture
def gateway(current_site):
    return current_site.gateway


@pytest.fixture
def client(gateway):
    return gateway.client()


def assert_problem(reply, status, kind):
    """A complete problem document, with what every reply to a POST carries."""
    assert (reply.status, reply.problem) == (status, kind), reply
    assert reply.json()["status"] == status and len(reply.detail) > 10


def assert_post_problem(client, reply, status, kind):
    assert_problem(reply, status, kind)
    assert reply.headers["Replay-Nonce"], "no fresh nonce"
    assert f'<{client.account.split("/account/")[0]}/directory>;rel="index"' in reply.headers.get_all("Link")


# ---- HTTP ----


@pytest.mark.check(5)
def test_wrong_methods_are_told_the_right_ones(gateway, client):
    reply = client.raw("GET", client.directory["newOrder"])
    assert_problem(reply, 405, "malformed")
    assert reply.headers["Allow"] == "POST"
    for method in ("PUT", "DELETE", "PATCH"):
        reply = client.raw(method, gateway.directory())
        assert_problem(reply, 405, "malformed")
        assert "GET" in reply.headers["Allow"]


@pytest.mark.check(4)
def test_content_type_with_a_parameter_is_fine(client):
    assert client.post(client.account, {}, content_type=f"{JOSE_JSON}; charset=utf-8").status == 200


NOISE = [
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 64,
    b"\0\xff" * 400,
    b"GET / HTTP/1.1\r\nHost" + b"a" * 9000,
    b"POST /acme/acme/new-order HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
]


@pytest.mark.check(1)
def test_neither_http_2_nor_noise_ends_the_gateway(gateway, client):
    context = ssl.create_default_context(cafile=str(gateway.root_path))
    with contextlib.ExitStack() as connections:
        for noise in NOISE:
            plain = connections.enter_context(socket.create_connection(("127.0.0.1", gateway.port), 10))
            tls = connections.enter_context(context.wrap_socket(plain, server_hostname="localhost"))
            tls.sendall(noise)
        assert client.get(client.account)["status"] == "valid"
    assert client.get(client.account)["status"] == "valid"


# ---- JWS ----


@pytest.mark.check(11)
@pytest.mark.parametrize("algorithm", ["none", "HS256", "ES384", "RS256", "PS256", "ES256K"])
def test_algorithms_that_do_not_fit_are_told_those_that_do(client, algorithm):
    reply = client.post(client.account, alg=algorithm)
    assert_post_problem(client, reply, 400, "badSignatureAlgorithm")
    if algorithm not in ("ES384", "RS256"):
        assert {"ES256", "RS256", "EdDSA"} <= set(reply.json()["algorithms"])


@pytest.mark.check(16)
def test_a_replayed_nonce_is_bad_and_a_fresh_one_comes_with_it(client):
    nonce = client.nonce()
    assert client.post(client.account, nonce=nonce).status == 200
    reply = client.post(client.account, nonce=nonce)
    assert_post_problem(client, reply, 400, "badNonce")
    assert client.post(client.account, nonce=reply.headers["Replay-Nonce"]).status == 200


@pytest.mark.check(15)
def test_a_bad_signature_spends_no_nonce(client):
    nonce = client.nonce()
    assert client.post(client.account, nonce=nonce, key=new_key()).problem == "malformed"
    assert client.post(client.account, nonce=nonce).status == 200


@pytest.mark.check(11)
@pytest.mark.parametrize("kind", ["P-256", "P-384", "P-521", "RSA", "Ed25519"])
def test_account_keys_of_every_kind_work(gateway, kind):
    client = gateway.client(new_key(kind))
    assert client.get(client.account)["status"] == "valid"


# ---- accounts ----


@pytest.mark.check(20, 23)
def test_a_deactivated_account_can_do_nothing_more(client):
    assert client.post(client.account, {"status": "deactivated"}).json()["status"] == "deactivated"
    assert_post_problem(client, client.post(client.account), 403, "unauthorized")
    with pytest.raises(Refused) as refused:
        client.order([fresh_name()])
    assert_post_problem(client, refused.value.reply, 403, "unauthorized")


# ---- orders ----


@pytest.mark.check(1, 27)
def test_several_bad_names_are_told_one_by_one(client):
    names = [
        {"type": "dns", "value": "a..internal"},
        {"type": "dns", "value": "good.internal"},
        {"type": "dns", "value": "-x.internal"},
    ]
    reply = client.post(client.directory["newOrder"], {"identifiers": names})
    assert_post_problem(client, reply, 400, "malformed")
    assert {one["identifier"]["value"] for one in reply.json()["subproblems"]} == {"a..internal", "-x.internal"}


@pytest.mark.check(30)
def test_an_unknown_profile(client):
    reply = client.post(
        client.directory["newOrder"], {"identifiers": [{"type": "dns", "value": fresh_name()}], "profile": "platinum"}
    )
    assert_post_problem(client, reply, 400, "invalidProfile")
    assert "platinum" in reply.detail


@pytest.mark.check(33, 46)
def test_what_belongs_to_another_account_is_not_shown(gateway, client, responder):
    owner = gateway.client()
    order = owner.ready_order([fresh_name()], HttpProver(responder(gateway)))
    owner.finalize(order, [one["value"] for one in order.json()["identifiers"]])
    valid = owner.wait_while(order.location, "processing")
    foreign = [order.location, valid["authorizations"][0], valid["certificate"]]
    foreign.append(owner.challenge(owner.get(valid["authorizations"][0]), "http-01")["url"])
    for url in foreign:
        missing = client.post(re.sub(r"/\d+(?=/|$)", "/9007199254740991", url))
        assert_post_problem(client, client.post(url), 404, "malformed")
        assert missing.answer == client.post(url).answer, "S15: nobody learns which ids exist"
        assert missing.status == 404
    assert_post_problem(client, client.post(valid["finalize"], {"csr": "AA"}), 404, "malformed")
    assert_post_problem(client, client.post(owner.account), 403, "unauthorized")


@pytest.mark.check(43)
def test_an_order_that_is_not_ready(client):
    order = client.order([fresh_name()])
    reply = client.finalize(order, [one["value"] for one in order.json()["identifiers"]])
    assert_post_problem(client, reply, 403, "orderNotReady")


# ---- finalize ----


def flip_last_byte(data):
    return data[:-1] + bytes([data[-1] ^ 1])


CSRS = {
    "another name": lambda names, _: der(new_csr(new_key(), ["evil.e2e.internal"])),
    "a name too many": lambda names, _: der(new_csr(new_key(), [*names, "evil.e2e.internal"])),
    "a name missing": lambda names, _: der(new_csr(new_key(), names[:1])),
    "a common name that was not ordered": lambda names, _: der(new_csr(new_key(), names, "evil.e2e.internal")),
    "a bad signature": lambda names, _: flip_last_byte(der(new_csr(new_key(), names))),
    "the account's key": lambda names, client: der(new_csr(client.key, names)),
    "a weak key": lambda names, _: der(new_csr(rsa.generate_private_key(65537, 1024), names)),
    "bytes behind it": lambda names, _: der(new_csr(new_key(), names)) + b"\0",
    "something else": lambda *_: b"\x30\x03\x02\x01\x01",
}


@pytest.fixture
def ready(gateway, client, responder):
    names = sorted([fresh_name(), fresh_name()])
    return client.ready_order(names, HttpProver(responder(gateway))), names


@pytest.mark.check(44)
@pytest.mark.parametrize("csr", CSRS.values(), ids=CSRS.keys())
def test_csrs_that_are_refused_leave_the_order_ready(current_site, client, ready, csr):
    order, names = ready
    reply = client.post(order.json()["finalize"], {"csr": jose.b64(csr(names, client))})
    assert_post_problem(client, reply, 400, "badCSR")
    if b"evil.e2e.internal" in csr(names, client):
        assert any(name in reply.detail for name in ("evil.e2e.internal", *names))
    assert client.get(order.location)["status"] == "ready"
    (event,) = current_site.gateway.query(
        "SELECT detail FROM events WHERE kind = 'finalize.refused' AND order_id = ?", order.location.rsplit("/", 1)[1]
    )
    assert event["detail"] == reply.detail
    assert client.finalize(order, names).status == 200
    chain = client.certificate(order.location)
    assert names_of(chain[0]) == names
    assert_chains_to(chain, current_site.ca.root.certificate)


@pytest.mark.check(44)
def test_the_spelling_of_names_in_a_csr_does_not_matter(client, ready):
    """step-ca compares octet for octet: the token follows the CSR's spelling."""
    order, names = ready
    csr = new_csr(new_key(), [name.upper() for name in names])
    assert client.post(order.json()["finalize"], {"csr": jose.b64(der(csr))}).status == 200
    assert sorted(name.lower() for name in names_of(client.certificate(order.location)[0])) == names
