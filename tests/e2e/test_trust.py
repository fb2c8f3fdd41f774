# SPDX-License-Identifier: Apache-2.0
"""Names that need no proof, and names that a profile refuses."""

import pytest

from client_scenarios import fresh_name
from support.acme_client import HttpProver, Refused
from support.certificates import names_of
from support.clients import Certbot, Lego
from support.eab import add_key, binding
from test_eab import client_of


def start(step_ca, new_gateway, **endpoint):
    gateway = new_gateway(step_ca)
    gateway.configuration["endpoints"] = {"acme": {"profiles": ["default"], **endpoint}}
    return gateway.start()


def issue_without_proof(client, names):
    order = client.order(names)
    assert order.json()["status"] == "ready", order
    for url in order.json()["authorizations"]:
        authorization = client.get(url)
        assert (authorization["status"], authorization["challenges"]) == ("valid", []), authorization
    client.finalize(order, names)
    return client.certificate(order.location)


def reasons(gateway):
    return [row["detail"] for row in gateway.query("SELECT detail FROM v_events WHERE kind = 'authorization.trusted'")]


def test_by_default_nothing_is_trusted(step_ca, new_gateway):
    gateway = start(step_ca, new_gateway)
    assert gateway.client().order([fresh_name()]).json()["status"] == "pending"
    assert reasons(gateway) == []


def test_trusted_names(step_ca, new_gateway, responder):
    gateway = start(step_ca, new_gateway, trusted={"names": ["*.lab.internal", "10.0.0.0/8"]})
    client, outside = gateway.client(), fresh_name()
    names = ["*.a.lab.internal", "10.1.2.3", "b.lab.internal"]
    assert names_of(issue_without_proof(client, names)[0]) == sorted(names)
    assert reasons(gateway) == [f'the endpoint trusts the name "{one}"' for one in ("*.lab.internal", "10.0.0.0/8", "*.lab.internal")]
    mixed = client.order([outside, "c.lab.internal"])
    assert mixed.json()["status"] == "pending"
    client.prove(mixed.json(), HttpProver(responder(gateway)))
    assert client.get(mixed.location)["status"] == "ready"


@pytest.mark.parametrize("network, trusted", [("127.0.0.0/8", True), ("10.0.0.0/8", False)])
def test_trusted_networks(step_ca, new_gateway, network, trusted):
    gateway = start(step_ca, new_gateway, trusted={"networks": [network]})
    order = gateway.client().order([fresh_name()])
    assert order.json()["status"] == ("ready" if trusted else "pending")
    assert len(reasons(gateway)) == trusted


def test_trusted_keys(step_ca, new_gateway):
    gateway = start(step_ca, new_gateway, eab="required")
    for options, status in ((["--trusted", "yes"], "ready"), ([], "pending")):
        client = client_of(gateway)
        client.register(externalAccountBinding=binding(client, *add_key(gateway, *options)))
        assert client.order([fresh_name()]).json()["status"] == status
    assert len(reasons(gateway)) == 1
    assert gateway.run("eab", "add", "acme", "--trusted", "maybe")[0] == 2


def test_policies_hold_for_trusted_names_too(step_ca, new_gateway):
    gateway = start(step_ca, new_gateway, trusted={"names": ["*"]}, names={"deny": ["secret.internal"]})
    with pytest.raises(Refused) as refused:
        gateway.client().order(["secret.internal"])
    assert refused.value.reply.problem == "rejectedIdentifier"


def test_certbot_and_lego_get_trusted_names(step_ca, new_gateway, tmp_path, name_server):
    gateway = start(step_ca, new_gateway, trusted={"names": ["*.lab.internal"]})
    certbot, lego = Certbot(gateway, tmp_path / "certbot", name_server), Lego(gateway, tmp_path / "lego", name_server)
    certbot.issue(["one.lab.internal"])
    lego.issue(["two.lab.internal"])
    assert names_of(certbot.chain("one.lab.internal")[0]) == ["one.lab.internal"]
    assert names_of(lego.chain("two.lab.internal")[0]) == ["two.lab.internal"]


def test_a_profiles_own_names(step_ca, new_gateway):
    gateway = new_gateway(step_ca)
    names = {"allow": ["*.short.internal"], "deny": ["no.short.internal"]}
    gateway.configuration["profiles"]["short"] = {"issuer": "main", "max_ttl": "1h", "names": names}
    gateway.configuration["endpoints"] = {"acme": {"profiles": ["default", "short"]}}
    client = gateway.start().client()
    assert client.order(["a.short.internal"], profile="short").status == 201
    assert client.order(["www.internal"]).status == 201
    for name in ("www.internal", "no.short.internal"):
        with pytest.raises(Refused) as refused:
            client.order([name], profile="short")
        assert refused.value.reply.problem == "rejectedIdentifier"
        assert 'the profile "short"' in refused.value.reply.detail
