# SPDX-License-Identifier: Apache-2.0
"""Authorizations before any order (RFC 8555 §7.4.1), and those that hold for the names below (RFC 9444)."""

import datetime

import pytest

from client_scenarios import fresh_name
from support.acme_client import DnsProver, HttpProver, Refused
from support.certificates import names_of


@pytest.fixture
def gateway(step_ca, new_gateway):
    gateway = new_gateway(step_ca)
    deny = {"names": {"deny": ["secret.internal"]}}
    gateway.configuration["endpoints"] = {
        "acme": {"profiles": ["default"], "authorization_lifetime": "48h", "subdomains": True, **deny},
        "narrow": {"profiles": ["default"], "authorization_lifetime": "48h"},
        "plain": {"profiles": ["default"]},
    }
    return gateway.start()


def pre_authorize(client, name, kind="dns", **members):
    return client.post(client.directory["newAuthz"], {"identifier": {"type": kind, "value": name, **members}})


def prove(client, reply, prover):
    assert reply.status == 201, reply
    client.answer(reply.location, prover)
    assert client.wait_while(reply.location, "pending")["status"] == "valid"


def details(gateway, kind):
    return [row["detail"] for row in gateway.query("SELECT detail FROM v_events WHERE kind = ?", kind)]


@pytest.mark.check(37)
def test_the_directory_says_what_there_is(gateway):
    for endpoint, pre, below in (("acme", True, True), ("narrow", True, None), ("plain", False, None)):
        directory = gateway.client(endpoint=endpoint).directory
        assert ("newAuthz" in directory) == pre
        assert directory["meta"].get("subdomainAuthAllowed") == below
    client = gateway.client(endpoint="plain")
    reply = client.post(client.directory["newOrder"].replace("new-order", "new-authz"), {})
    assert (reply.status, reply.problem) == (404, "malformed")


@pytest.mark.check(35, 37)
def test_proven_before_the_order(gateway, responder):
    client, name, prover = gateway.client(), fresh_name(), HttpProver(responder(gateway))
    first = pre_authorize(client, name)
    assert first.json()["status"] == "pending" and first.json()["identifier"] == {"type": "dns", "value": name}
    prove(client, first, prover)
    again = pre_authorize(client, name)
    assert (again.status, again.location, again.json()["status"]) == (200, first.location, "valid")
    order = client.order([name])
    assert order.json()["status"] == "ready" and order.json()["authorizations"] == [first.location]
    client.finalize(order, [name])
    assert names_of(client.certificate(order.location)[0]) == [name]
    assert len(details(gateway, "authorization.created")) == 1


REFUSED = {
    "no identifier": ({}, 400, "malformed"),
    "a list": ({"identifier": []}, 400, "malformed"),
    "a type that is not known": ({"identifier": {"type": "email", "value": "a@b.example"}}, 400, "unsupportedIdentifier"),
    "no name": ({"identifier": {"type": "dns", "value": "a..b"}}, 400, "malformed"),
    "a wildcard": ({"identifier": {"type": "dns", "value": "*.lab.internal"}}, 400, "malformed"),
    "what the policy denies": ({"identifier": {"type": "dns", "value": "secret.internal"}}, 403, "rejectedIdentifier"),
    "below an address": (
        {"identifier": {"type": "ip", "value": "10.1.2.3", "subdomainAuthAllowed": True}}, 400, "malformed"
    ),
    "nothing": (b"", 400, "malformed"),
}


@pytest.mark.check(37)
@pytest.mark.parametrize("payload, status, problem", REFUSED.values(), ids=REFUSED.keys())
def test_refused(gateway, payload, status, problem):
    client = gateway.client()
    reply = client.post(client.directory["newAuthz"], payload)
    assert (reply.status, reply.problem) == (status, problem), reply
    assert gateway.query("SELECT count(*) AS n FROM authorizations") == [{"n": 0}]


@pytest.mark.check(37)
@pytest.mark.parametrize("beside", [False, True])
def test_names_below_a_proven_domain(gateway, name_server, beside):
    client, domain = gateway.client(), fresh_name()
    payload = {"identifier": {"type": "dns", "value": domain}}
    (payload if beside else payload["identifier"])["subdomainAuthAllowed"] = True
    reply = client.post(client.directory["newAuthz"], payload)
    assert reply.json()["subdomainAuthAllowed"] is True
    assert [one["type"] for one in reply.json()["challenges"]] == ["dns-01"]
    prove(client, reply, DnsProver(name_server))
    names = sorted([domain, f"a.{domain}", f"b.c.{domain}"])
    order = client.order(names)
    assert order.json()["status"] == "ready", order
    client.finalize(order, names)
    assert names_of(client.certificate(order.location)[0]) == names
    inherited = details(gateway, "authorization.inherited")
    assert len(inherited) == 2 and all(f"of {domain} covers" in detail for detail in inherited)
    other, wildcard = client.order([f"x{domain}"]), client.order([f"*.{domain}"])
    assert [one.json()["status"] for one in (other, wildcard)] == ["pending", "pending"]
    assert gateway.client().order([f"a.{domain}"]).json()["status"] == "pending"


@pytest.mark.check(37)
def test_the_domain_that_the_client_names(gateway, name_server):
    client, domain = gateway.client(), fresh_name()
    prove(client, pre_authorize(client, domain, subdomainAuthAllowed=True), DnsProver(name_server))

    def order(value, ancestor):
        identifier = {"type": "dns", "value": value, "ancestorDomain": ancestor}
        return client.post(client.directory["newOrder"], {"identifiers": [identifier]})

    assert order(f"a.b.{domain}", domain).json()["status"] == "ready"
    assert order(f"c.b.{domain}", f"b.{domain}").json()["status"] == "pending"
    for ancestor in (f"other.{domain}", "", f"a.{domain}", domain[1:], 7):
        assert (order(f"a.{domain}", ancestor).status, order(f"a.{domain}", ancestor).problem) == (400, "malformed")


def test_only_where_the_endpoint_allows_it(gateway, name_server, responder):
    client, domain = gateway.client(endpoint="narrow"), fresh_name()
    reply = pre_authorize(client, domain, subdomainAuthAllowed=True)
    assert "subdomainAuthAllowed" not in reply.json()
    prove(client, reply, HttpProver(responder(gateway)))
    assert client.order([f"a.{domain}"]).json()["status"] == "pending"


def test_a_plain_proof_does_not_hold_below(gateway, responder):
    client, domain = gateway.client(), fresh_name()
    prove(client, pre_authorize(client, domain), HttpProver(responder(gateway)))
    assert client.order([f"a.{domain}"]).json()["status"] == "pending"
    wide = pre_authorize(client, domain, subdomainAuthAllowed=True)
    assert wide.status == 201 and wide.json()["status"] == "pending"


@pytest.mark.parametrize("beside", [{}, {"authorization_lifetime": "1h", "caa_identities": ["ca.internal"]}], ids=["no lifetime", "CAA"])
def test_subdomains_and_what_they_cannot_stand_with(step_ca, new_gateway, beside):
    gateway = new_gateway(step_ca)
    gateway.configuration["endpoints"]["acme"] |= {"subdomains": True, **beside}
    code, _, errors = gateway.run("config", "show")
    assert code != 0 and "endpoints.acme.subdomains" in errors


@pytest.mark.check(35)
def test_a_withdrawn_proof_holds_for_nothing(gateway, name_server):
    client, domain = gateway.client(), fresh_name()
    reply = pre_authorize(client, domain, subdomainAuthAllowed=True)
    prove(client, reply, DnsProver(name_server))
    assert client.post(reply.location, {"status": "deactivated"}).json()["status"] == "deactivated"
    assert client.order([f"a.{domain}"]).json()["status"] == "pending"
    with pytest.raises(Refused):
        client.order(["secret.internal"])


# ---- how long a proof serves ----


def seconds_left(thing):
    """Until this order or authorization ends."""
    return (datetime.datetime.fromisoformat(thing["expires"].replace("Z", "+00:00"))
            - datetime.datetime.now(datetime.timezone.utc)).total_seconds()


@pytest.mark.check(35)
def test_P9_a_proof_serves_its_whole_time_and_orders_end_with_it(step_ca, new_gateway, responder):
    """`orders.lifetime` is at its default of a day."""
    gateway = new_gateway(step_ca)
    gateway.configuration["endpoints"]["acme"]["authorization_lifetime"] = "1h"
    client, names = gateway.start().client(), [fresh_name(), fresh_name()]
    prover = HttpProver(responder(gateway))
    first = client.ready_order(names[:1], prover)
    (url,) = first.json()["authorizations"]
    proof = client.get(url)
    assert 3500 < seconds_left(proof) <= 3600
    assert client.get(first.location)["expires"] == proof["expires"]
    both = client.order(names)
    assert both.json()["authorizations"][0] == url and both.json()["status"] == "pending"
    assert both.json()["expires"] == proof["expires"], "the other name's proof may come late"
    client.prove(both.json(), prover)
    assert client.get(both.location)["status"] == "ready" and client.get(both.location)["expires"] == proof["expires"]
    for left, serves in ((120, True), (30, False)):
        gateway.stop()
        gateway.execute("UPDATE authorizations SET expires_at = unixepoch() + ? WHERE id = ?", left, url.rsplit("/", 1)[1])
        gateway.start()
        order = client.order(names[:1]).json()
        assert (order["authorizations"] == [url], order["status"]) == (serves, "ready" if serves else "pending"), order
        assert not serves or seconds_left(order) <= left


@pytest.mark.check(35)
def test_P9_a_pending_order_ends_with_the_first_of_its_proofs(step_ca, new_gateway, responder):
    gateway = new_gateway(step_ca)
    gateway.configuration["endpoints"]["acme"]["authorization_lifetime"] = "1h"
    client, prover = gateway.start().client(), HttpProver(responder(gateway))
    order = client.order([fresh_name(), fresh_name()])
    assert 86_000 < seconds_left(order.json()) <= 86_400
    first, other = order.json()["authorizations"]
    client.answer(first, prover)
    proof = client.wait_while(first, "pending")
    shown = client.get(order.location)
    assert (shown["status"], shown["expires"]) == ("pending", proof["expires"])
    client.answer(other, prover)
    assert client.wait_while(order.location, "pending")["expires"] == proof["expires"]
