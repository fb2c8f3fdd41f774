"""Finalize: which CSRs an order takes, in which state, and what the client and the events are told."""

import pytest

from client_scenarios import fresh_name
from support.acme_client import HttpProver
from support.certificates import der, names_of, new_csr, new_key
from support.checks import same_key
from support.jose import b64


@pytest.fixture
def gateway(current_site):
    return current_site.gateway


@pytest.fixture
def client(gateway):
    return gateway.client()


def csr_of(key, names, *more):
    return b64(der(new_csr(key, names, *more)))


def finalize(client, order, csr):
    return client.post(order.json()["finalize"], {"csr": csr})


# ---- an order that is finalized ----

OTHERS = {
    "another key": lambda names, key: {"csr": csr_of(new_key(), names)},
    "signed anew": lambda names, key: {"csr": csr_of(key, names)},
    "another name": lambda names, key: {"csr": csr_of(key, ["other.internal"])},
    "garbage": lambda names, key: {"csr": b64(b"garbage")},
    "no base64url": lambda names, key: {"csr": "?"},
    "no text": lambda names, key: {"csr": 7},
    "empty": lambda names, key: {"csr": ""},
    "null": lambda names, key: {"csr": None},
    "none": lambda names, key: {},
}


def assert_takes_no_other(client, order, names, key, state):
    for what, payload in OTHERS.items():
        reply = client.post(order.json()["finalize"], payload(names, key))
        assert (reply.status, reply.problem) == (403, "orderNotReady"), (what, reply)
        assert f"The order is {state}" in reply.detail and "make a new order" in reply.detail, reply
    assert client.get(order.location)["status"] == state


@pytest.mark.check(43)
def test_P2_a_valid_order_takes_its_own_csr_again_and_no_other(gateway, client, prover):
    names, key = [fresh_name()], new_key()
    order, csr = client.ready_order(names, prover), csr_of(key, names)
    valid = finalize(client, order, csr).json()
    assert valid["status"] == "valid"
    assert_takes_no_other(client, order, names, key, "valid")
    again = finalize(client, order, csr)
    assert (again.status, again.json(), again.location) == (200, valid, order.location)
    rows = gateway.query("SELECT kind FROM v_events WHERE order_id = ?", order.location.rsplit("/", 1)[1])
    kinds = [row["kind"] for row in rows]
    assert kinds.count("order.finalized") == kinds.count("order.valid") == 1, kinds


@pytest.mark.check(43)
def test_P2_a_processing_order_takes_its_own_csr_again_and_no_other(ca_proxy, new_gateway, responder):
    gateway = new_gateway(ca_proxy.ca, url=ca_proxy.url)
    gateway.configuration["finalize"] = {"hold_reply": "0s"}
    client, names, key = gateway.start().client(), [fresh_name()], new_key()
    order, csr = client.ready_order(names, HttpProver(responder(gateway))), csr_of(key, names)
    hold = ca_proxy.hold_request("sign")
    assert finalize(client, order, csr).json()["status"] == "processing"
    hold.wait()
    assert_takes_no_other(client, order, names, key, "processing")
    again = finalize(client, order, csr)
    assert (again.status, again.json()["status"], again.location) == (200, "processing", order.location)
    hold.let_go()
    (leaf, *_) = client.certificate(order.location)
    assert same_key(leaf, key)


# ---- a name that stands in the subject alone (certbot --csr) ----


@pytest.mark.check(44)
def test_P3_a_common_name_beside_other_names(site, responder):
    """step-ca cannot be made to sign it; the order outlives the answer that says so."""
    client = site.gateway.client()
    first, second = names = [fresh_name(), fresh_name()]
    order, key = client.ready_order(names, HttpProver(responder(site.gateway))), new_key()
    reply = finalize(client, order, csr_of(key, [second], first))
    assert (reply.status, reply.problem) == (400, "badCSR"), reply
    for said in (f"its common name {first} is not in its subjectAltName", "put it there as well", "still ready"):
        assert said in reply.detail, reply
    assert client.get(order.location)["status"] == "ready"
    assert finalize(client, order, csr_of(key, names, first)).json()["status"] == "valid"
    assert names_of(client.certificate(order.location)[0]) == sorted(names)


@pytest.mark.check(44)
@pytest.mark.parametrize("others", [[], ["127.0.0.1"]])
def test_P3_a_common_name_that_has_its_kind_to_itself(site, responder, others):
    client, name = site.gateway.client(), fresh_name()
    order = client.ready_order([name, *others], HttpProver(responder(site.gateway)))
    assert finalize(client, order, csr_of(new_key(), others, name)).json()["status"] == "valid"
    assert names_of(client.certificate(order.location)[0]) == sorted([name, *others])


@pytest.mark.check(44)
def test_P3_the_local_ca_signs_it(new_gateway, responder, step_ca, tmp_path):
    gateway = new_gateway(step_ca)
    gateway.configuration["issuers"]["local"] = {
        "type": "local", "directory": str(tmp_path / "local"), "permitted_names": ["internal"]
    }
    gateway.configuration["profiles"]["local"] = {"issuer": "local", "max_ttl": "24h"}
    gateway.configuration["endpoints"]["acme"]["profiles"] = ["local"]
    client, names = gateway.start().client(), [fresh_name(), fresh_name()]
    order = client.ready_order(names, HttpProver(responder(gateway)))
    assert finalize(client, order, csr_of(new_key(), names[1:], names[0])).json()["status"] == "valid"
    assert names_of(client.certificate(order.location)[0]) == sorted(names)
