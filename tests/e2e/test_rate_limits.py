"""Rate limits by account, by name and by address (RFC 8555 §6.6)."""

import pytest

from client_scenarios import fresh_name
from support.acme_client import AcmeClient


def start(step_ca, new_gateway, **limits):
    gateway = new_gateway(step_ca)
    gateway.configuration["limits"].update(limits)
    return gateway.start()


def new_order(client, *names):
    return client.post(client.directory["newOrder"], {"identifiers": [{"type": "dns", "value": one} for one in names]})


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


@pytest.mark.check(49)
def test_new_accounts_from_one_address(step_ca, new_gateway):
    gateway = start(step_ca, new_gateway, accounts_per_address="2/1h")
    clients = [gateway.client() for _ in range(2)]
    late = AcmeClient(gateway.directory(), gateway.root_path)
    assert_limited(late, late.post(late.directory["newAccount"], {}, with_jwk=True), "127.0.0.1", "2 in 1h")
    again = clients[0].post(clients[0].directory["newAccount"], {}, with_jwk=True)
    assert (again.status, again.location) == (200, clients[0].account), "who has an account gets it all the same"


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
