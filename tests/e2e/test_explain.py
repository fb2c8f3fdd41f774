"""`acmegate explain NAME|ORDER` says in plain words what happened to an order, without SQL."""

import pytest

from client_scenarios import fresh_name
from support.acme_client import HttpProver
from support.ca_faults import answer


@pytest.fixture
def explain():
    def run(gateway, what):
        status, output, words = gateway.run("explain", what)
        assert status == 0, output + words
        return output

    return run


def test_an_order_that_went_well(current_site, responder, explain):
    gateway, name = current_site.gateway, fresh_name()
    certificate = gateway.client(user_agent="my-client/7").issue([name], HttpProver(responder(gateway)))[0]
    output = explain(gateway, name)
    for word in (name, "valid", "http-01", "127.0.0.1", "my-client/7", f"{certificate.serial_number:x}"):
        assert word in output, word


def test_by_the_number_of_the_order(current_site, responder, explain):
    gateway, names = current_site.gateway, [fresh_name(), fresh_name()]
    client = gateway.client()
    order = client.ready_order(names, HttpProver(responder(gateway)))
    output = explain(gateway, order.location.rsplit("/", 1)[1])
    assert all(name in output for name in names) and "ready" in output


def test_what_was_dialled_and_answered(current_site, responder, explain):
    gateway, name = current_site.gateway, fresh_name()
    server = responder(gateway)
    client = gateway.client()
    order = client.order([name])
    authorization = client.get(order.json()["authorizations"][0])
    challenge = client.challenge(authorization, "http-01")
    server.answers[challenge["token"]] = "something else"
    client.post(challenge["url"], {})
    client.wait_while(order.location, "pending")
    output = explain(gateway, name)
    for word in (name, "invalid", "http-01", "127.0.0.1", str(gateway.http_port), "something else"):
        assert word in output, word


def test_the_words_of_the_ca(new_gateway, step_ca, ca_proxy, responder, explain):
    gateway, name = new_gateway(step_ca, url=ca_proxy.url).start(), fresh_name()
    client = gateway.client()
    order = client.ready_order([name], HttpProver(responder(gateway)))
    ca_proxy.replace["sign"] = answer(403, message="the moon is in the wrong phase")
    client.finalize(order, [name])
    client.wait_while(order.location, "processing", "ready")
    assert "the moon is in the wrong phase" in explain(gateway, name)


def test_an_order_that_waits_for_its_client(current_site, explain):
    name = fresh_name()
    current_site.gateway.client().order([name])
    output = explain(current_site.gateway, name)
    assert name in output and "pending" in output and "client" in output


def test_it_works_while_the_gateway_is_stopped(new_gateway, step_ca, responder, explain):
    gateway, name = new_gateway(step_ca).start(), fresh_name()
    gateway.client().issue([name], HttpProver(responder(gateway)))
    gateway.stop()
    assert name in explain(gateway, name)


def test_a_name_that_was_never_ordered(current_site):
    status, output, words = current_site.gateway.run("explain", "never.e2e.internal")
    assert status == 1 and "never.e2e.internal" in output + words
