# SPDX-License-Identifier: Apache-2.0
"""Rate limits by account, by name and by address (RFC 8555 §6.6)."""

import datetime

import pytest

from client_scenarios import fresh_name
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from support import jose
from support.acme_client import AcmeClient, HttpProver
from support.certificates import new_key
from support.waiting import wait_until
from support.jose import flattened, public_jwk


def start(step_ca, new_gateway, **limits):
    gateway = new_gateway(step_ca)
    gateway.configuration["limits"].update(limits)
    return gateway.start()


def new_order(client, *names):
    return client.post(client.directory["newOrder"], {"identifiers": [{"type": "dns", "value": one} for one in names]})


def change_key(client, new):
    url = client.directory["keyChange"]
    protected = {"alg": jose.algorithm(new), "jwk": public_jwk(new), "url": url}
    return client.post(url, flattened(new, protected, {"account": client.account, "oldKey": public_jwk(client.key)}))


def self_signed():
    key, now = new_key(), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "elsewhere")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(4711)
    return builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(1)).sign(key, hashes.SHA256())


def assert_limited(client, reply, *words):
    assert (reply.status, reply.problem) == (429, "rateLimited"), reply
    assert int(reply.headers["Retry-After"]) > 0
    for word in words:
        assert word in reply.detail, reply
    (link,) = [one for one in reply.headers.get_all("Link") if 'rel="help"' in one]
    page = client.raw("GET", link[1 : link.index(">")])
    assert page.status == 200 and b"Rate limits" in page.body


@pytest.mark.check(49)
def test_orders_of_one_account_for_one_name(step_ca, new_gateway):
    gateway, name = start(step_ca, new_gateway, orders_per_name="2/1h"), fresh_name()
    client = gateway.client()
    assert [new_order(client, name).status for _ in range(2)] == [201, 201]
    for _ in range(2):
        assert_limited(client, new_order(client, fresh_name(), name), name, "2 in 1h")
    assert new_order(client, fresh_name()).status == 201
    # The first refusal is told to the operator; a client that goes on asking does not fill the database.
    refusals = gateway.query("SELECT detail FROM events WHERE kind = 'order.refused'")
    assert len(refusals) == 1 and name in refusals[0]["detail"]
    assert gateway.query("SELECT count(*) AS n FROM orders")[0]["n"] == 3


def test_S7_unproven_orders_of_strangers_take_nothing_from_the_owner(step_ca, new_gateway):
    gateway, name = new_gateway(step_ca), fresh_name()
    gateway.configuration["limits"].update(orders_per_name="2/1h")
    gateway.configuration["endpoints"]["other"] = {"profiles": ["default"]}
    gateway.start()
    for stranger in (gateway.client(), gateway.client(endpoint="other")):
        assert [new_order(stranger, name).status for _ in range(3)] == [201, 201, 429]
    owner = gateway.client()
    assert [new_order(owner, name).status for _ in range(3)] == [201, 201, 429]


@pytest.mark.check(49)
def test_orders_of_one_account(step_ca, new_gateway):
    gateway = start(step_ca, new_gateway, orders_per_account="3/1h")
    client, other = gateway.client(), gateway.client()
    assert [new_order(client, fresh_name()).status for _ in range(3)] == [201] * 3
    assert_limited(client, new_order(client, fresh_name()), "3 in 1h", client.account.split("/")[-1])
    assert new_order(other, fresh_name()).status == 201


def refused_orders(client):
    return new_order(client, "not-allowed.example")


def refused_pre_authorizations(client):
    return client.post(client.directory["newAuthz"], {"identifier": {"type": "dns", "value": "not-allowed.example"}})


def refused_csrs(client):
    return client.post(client.ready.json()["finalize"], {"csr": "AA"})


def refused_revocations(client):
    return client.revoke(self_signed())


def refused_key_changes(client):
    return change_key(client, client.taken)


def refused_accounts(client):
    stranger = client.stranger
    return stranger.post(stranger.directory["newAccount"], {}, with_jwk=True)


# What is refused, its status, the kind of its events (None: no row is written).
REFUSALS = [
    (refused_orders, 403, "order.refused"),
    (refused_pre_authorizations, 403, "authorization.refused"),
    (refused_csrs, 400, "finalize.refused"),
    (refused_revocations, 404, None),
    (refused_key_changes, 409, None),
    (refused_accounts, 403, None),
]


@pytest.mark.parametrize("refused,status,kind", [pytest.param(*row, id=row[0].__name__) for row in REFUSALS])
def test_S10_a_client_that_only_gets_refused(step_ca, new_gateway, responder, refused, status, kind):
    gateway = new_gateway(step_ca)
    gateway.configuration["limits"]["refusals"] = "20/1h"
    gateway.configuration["endpoints"]["acme"].update(names={"deny": ["not-allowed.example"]}, authorization_lifetime="48h")
    gateway.configuration["endpoints"]["bound"] = {"profiles": ["default"], "eab": "required"}
    gateway.start()
    client, other = gateway.client(), gateway.client()
    client.stranger = AcmeClient(gateway.directory("bound"), gateway.root_path)
    client.taken = other.key
    client.ready = client.ready_order([fresh_name()], HttpProver(responder(gateway)))
    before = gateway.query("SELECT count(*) AS n FROM events")[0]["n"]
    assert [refused(client).status for _ in range(20)] == [status] * 20
    for _ in range(20):
        reply = refused(client)
        assert_limited(client, reply, "20 in 1h", "This one: ")
    events = gateway.query("SELECT kind, detail FROM events ORDER BY id")[before:]
    assert {one["kind"] for one in events} == ({kind} if kind else set())
    # The first, the 16th and the 32nd.
    assert len(events) == (3 if kind else 0) and all("more refusals of this client were counted" in one["detail"] for one in events[1:])
    # What is not refused passes, and nobody else pays.
    assert new_order(client, fresh_name()).status == 201
    assert refused_orders(other).status == 403
    assert len([one for one in gateway.log.read_text().splitlines() if "account refused" in one]) == (3 if refused is refused_accounts else 0)


def test_S10_refusals_of_one_key_are_not_another_ones_at_the_same_address(step_ca, new_gateway):
    gateway = new_gateway(step_ca)
    gateway.configuration["limits"]["refusals"] = "3/1h"
    gateway.configuration["endpoints"]["bound"] = {"profiles": ["default"], "eab": "required"}
    gateway.start()
    wild, innocent = (AcmeClient(gateway.directory("bound"), gateway.root_path) for _ in range(2))
    replies = [one.post(one.directory["newAccount"], {}, with_jwk=True) for one in (wild, wild, wild, wild, innocent)]
    assert [one.problem for one in replies] == ["externalAccountRequired"] * 3 + ["rateLimited", "externalAccountRequired"]


def test_S10_changes_of_an_account(step_ca, new_gateway):
    gateway = start(step_ca, new_gateway, changes_per_account="3/1h")
    client = gateway.client()
    for i in range(3):
        assert client.post(client.account, {"contact": [f"mailto:ops{i}@e2e.internal"]}).status == 200
    for _ in range(2):
        assert_limited(client, client.post(client.account, {"contact": ["mailto:more@e2e.internal"]}), "3 in 1h")
        assert_limited(client, change_key(client, new_key()), "3 in 1h")
    assert gateway.query("SELECT count(*) AS n FROM events WHERE kind = 'account.updated'")[0]["n"] == 3
    assert client.post(client.account, {"contact": ["mailto:ops2@e2e.internal"], "status": "deactivated"}).status == 200


@pytest.mark.check(49)
def test_new_accounts_from_one_address(step_ca, new_gateway):
    gateway = start(step_ca, new_gateway, accounts_per_address="2/1h")
    clients = [gateway.client() for _ in range(2)]
    late = AcmeClient(gateway.directory(), gateway.root_path)
    assert_limited(late, late.post(late.directory["newAccount"], {}, with_jwk=True), "127.0.0.1", "2 in 1h")
    again = clients[0].post(clients[0].directory["newAccount"], {}, with_jwk=True)
    assert (again.status, again.location) == (200, clients[0].account), "who has an account gets it all the same"


@pytest.mark.sqlite("its gateways are on PostgreSQL in any case")
def test_orders_at_one_gateway_count_at_the_other(new_pair):
    """It is told once the gateway knows of another one."""
    pair = new_pair()
    for gateway in pair.both:
        gateway.configuration["limits"]["orders_per_account"] = "2/1h"
    pair.start()

    def is_told():
        client = pair.client(pair.one)
        assert [new_order(client, fresh_name()).status for _ in range(2)] == [201, 201]
        return new_order(client.at(pair.two), fresh_name()).problem == "rateLimited"

    wait_until(is_told, "the other gateway to count")


def test_a_token_comes_back(step_ca, new_gateway):
    gateway, name = start(step_ca, new_gateway, orders_per_name="1/1s"), fresh_name()
    client = gateway.client()
    statuses = {new_order(client, name).status for _ in range(12)}
    assert statuses <= {201, 429} and 201 in statuses
    orders = gateway.query("SELECT count(*) AS n FROM orders")[0]["n"]
    assert 1 <= orders <= 3


@pytest.mark.parametrize("rate", ["", "5", "5/", "/1h", "0/1h", "-1/1h", "5/0s", "many/1h", "5/1h ", 5])
def test_rates_that_are_none(step_ca, new_gateway, rate):
    gateway = new_gateway(step_ca)
    gateway.configuration["limits"]["orders_per_name"] = rate
    status, _, words = gateway.run("config", "show")
    assert status != 0 and "limits.orders_per_name" in words
