# SPDX-License-Identifier: Apache-2.0
"""Account key rollover (RFC 8555 §7.3.5)."""

import pytest

from cryptography.hazmat.primitives.asymmetric import ed25519
from support.certificates import new_key
from support.jose import algorithm, flattened, public_jwk, thumbprint


@pytest.fixture
def client(current_site):
    return current_site.gateway.client()


def change_key(client, new, signer=None, header=None, payload=None):
    """The whole request; `header` and `payload` replace members of the inner JWS, None leaves one out."""
    url = client.directory["keyChange"]
    protected = {"alg": algorithm(new), "jwk": public_jwk(new), "url": url, **(header or {})}
    inner = {"account": client.account, "oldKey": public_jwk(client.key), **(payload or {})}
    protected, inner = ({k: v for k, v in members.items() if v is not None} for members in (protected, inner))
    return client.post(url, flattened(signer or new, protected, inner))


@pytest.mark.check(26)
@pytest.mark.parametrize("new", [new_key(), ed25519.Ed25519PrivateKey.generate()], ids=["P-256", "Ed25519"])
def test_the_new_key_is_the_accounts_and_the_old_one_is_dead_at_once(current_site, client, new):
    old = client.key
    reply = change_key(client, new)
    assert (reply.status, reply.location) == (200, client.account), reply
    refused = client.post(client.account, b"", key=old)
    assert refused.status in (400, 403), refused
    client.key = new
    assert client.post(client.account, b"").status == 200
    (row,) = current_site.gateway.query("SELECT thumbprint FROM accounts WHERE id = ?", client.account.split("/")[-1])
    assert row["thumbprint"] == thumbprint(new)
    # The old key is nobody's any more: it registers anew.
    again = current_site.gateway.client(old)
    assert again.account != client.account


REFUSED = {
    "kid in the inner header": {"header": {"kid": "https://localhost/acme/acme/account/1"}},
    "no jwk": {"header": {"jwk": None}},
    "nonce in the inner header": {"header": {"nonce": "AAAA"}},
    "no inner url": {"header": {"url": None}},
    "another inner url": {"header": {"url": "https://localhost/acme/acme/new-order"}},
    "no account": {"payload": {"account": None}},
    "another account": {"payload": {"account": "https://localhost/acme/acme/account/1"}},
    "no oldKey": {"payload": {"oldKey": None}},
    "another oldKey": {"payload": {"oldKey": public_jwk(new_key())}},
    "oldKey is not a key": {"payload": {"oldKey": "x"}},
    "signed with another key": {"signer": new_key()},
}


@pytest.mark.check(26)
@pytest.mark.parametrize("case", REFUSED, ids=list(REFUSED))
def test_refused_and_the_account_keeps_its_key(client, case):
    reply = change_key(client, new_key(), **REFUSED[case])
    assert (reply.status, reply.problem) == (400, "malformed"), reply
    assert client.post(client.account, b"").status == 200


def test_not_a_jws_at_all(client):
    for payload in ({}, b"", {"protected": "", "payload": "", "signature": ""}):
        reply = client.post(client.directory["keyChange"], payload)
        assert (reply.status, reply.problem) == (400, "malformed"), reply


def test_a_weak_new_key(client):
    weak = {"kty": "RSA", "e": "AQAB", "n": "wKnY_" * 30}
    reply = change_key(client, new_key(), header={"jwk": weak, "alg": "RS256"})
    assert (reply.status, reply.problem) == (400, "badPublicKey"), reply


def test_the_present_key_again(client):
    reply = change_key(client, client.key)
    assert (reply.status, reply.problem) == (400, "malformed"), reply


@pytest.mark.check(26)
def test_a_key_that_another_account_has(current_site, client):
    other = current_site.gateway.client()
    reply = change_key(client, other.key)
    assert (reply.status, reply.problem, reply.location) == (409, "malformed", other.account), reply
    assert client.post(client.account, b"").status == 200
