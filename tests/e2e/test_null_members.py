# SPDX-License-Identifier: Apache-2.0
"""A member that is null counts as absent (P4): every optional member of every payload, through the whole server."""

import pytest

from client_scenarios import fresh_name
from support.acme_client import AcmeClient, HttpProver
from support.certificates import der
from support.eab import add_key, binding
from support.jose import b64


@pytest.fixture
def gateway(step_ca, new_gateway):
    gateway = new_gateway(step_ca)
    gateway.configuration["endpoints"] = {
        "acme": {"profiles": ["default"], "eab": "optional", "authorization_lifetime": "48h", "subdomains": True},
        "bound": {"profiles": ["default"], "eab": "required"},
    }
    return gateway.start()


def new_account(gateway, endpoint="acme", **members):
    client = AcmeClient(gateway.directory(endpoint), gateway.root_path)
    return client.post(client.directory["newAccount"], {"termsOfServiceAgreed": True, **members}, with_jwk=True)


ACCOUNT = ("contact", "termsOfServiceAgreed", "onlyReturnExisting", "externalAccountBinding")
UPDATE = ("contact", "termsOfServiceAgreed", "status", "externalAccountBinding")
ORDER = ("notBefore", "notAfter", "profile", "replaces")


@pytest.mark.parametrize("member", ACCOUNT)
def test_P4_of_a_new_account(gateway, member):
    reply = new_account(gateway, **{member: None})
    assert (reply.status, reply.json()["status"], reply.json()["contact"]) == (201, "valid", []), reply


def test_P4_a_binding_that_is_required(gateway):
    reply = new_account(gateway, "bound", externalAccountBinding=None)
    assert (reply.status, reply.problem) == (403, "externalAccountRequired"), reply


def test_P4_inside_a_binding(gateway):
    kid, mac_key = add_key(gateway, endpoint="bound")
    client = AcmeClient(gateway.directory("bound"), gateway.root_path)
    bound = binding(client, kid, mac_key)
    members = {"termsOfServiceAgreed": True, "externalAccountBinding": {**bound, "header": None}}
    reply = client.post(client.directory["newAccount"], members, with_jwk=True)
    assert (reply.status, reply.json()["externalAccountBinding"]) == (201, bound), reply


def test_P4_of_an_account_s_update(gateway):
    client = gateway.client(endpoint="acme")
    contact = ["mailto:ops@e2e.internal"]
    assert client.post(client.account, {"contact": contact}).json()["contact"] == contact
    for member in UPDATE:
        reply = client.post(client.account, {member: None})
        assert (reply.status, reply.json()["status"], reply.json()["contact"]) == (200, "valid", contact), reply


def test_P4_of_an_order_and_an_authorization(gateway, responder):
    client, name = gateway.client(), fresh_name()
    identifier = {"type": "dns", "value": name}
    for member in ORDER:
        reply = client.post(client.directory["newOrder"], {"identifiers": [identifier], member: None})
        assert reply.status == 201 and not {"notBefore", "notAfter", "replaces"} & set(reply.json()), (member, reply)
    reply = client.post(client.directory["newOrder"], {"identifiers": [{**identifier, "ancestorDomain": None}]})
    assert reply.status == 201, reply
    for payload in ({"identifier": {**identifier, "subdomainAuthAllowed": None}},
                    {"identifier": identifier, "subdomainAuthAllowed": None}):
        reply = client.post(client.directory["newAuthz"], payload)
        assert reply.status == 201 and "subdomainAuthAllowed" not in reply.json(), reply
    challenge = client.challenge(reply.json(), "http-01")
    HttpProver(responder(gateway)).prepare(client, name, challenge["token"])
    # Members that are unknown, as the keyAuthorization of ACME before its RFC.
    answered = client.post(challenge["url"], {"keyAuthorization": None, "type": None})
    assert answered.status == 200 and answered.json()["status"] in ("processing", "valid"), answered
    assert client.wait_while(reply.location, "pending")["status"] == "valid"


def test_P4_of_a_revocation(gateway, responder):
    client = gateway.client()
    leaf = client.issue([fresh_name()], HttpProver(responder(gateway)))[0]
    reply = client.post(client.directory["revokeCert"], {"certificate": b64(der(leaf)), "reason": None})
    assert reply.status == 200, reply
    (row,) = gateway.query("SELECT revocation_reason FROM v_certificates WHERE serial = ?", f"{leaf.serial_number:x}")
    assert row["revocation_reason"] == 0


def test_P4_what_is_required_is_missing(gateway):
    """null is no value either."""
    client = gateway.client()
    directory = client.directory
    order = client.order([fresh_name()]).json()
    for url, payload in (
        (directory["newOrder"], {"identifiers": None}),
        (directory["newOrder"], {"identifiers": [None]}),
        (directory["newAuthz"], {"identifier": None}),
        (directory["revokeCert"], {"certificate": None}),
        (order["authorizations"][0], {"status": None}),
        (client.account, {"contact": [None]}),
    ):
        reply = client.post(url, payload)
        assert (reply.status, reply.problem) == (400, "malformed"), (payload, reply)
    assert client.get(order["authorizations"][0])["status"] == "pending"
