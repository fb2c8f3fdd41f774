# SPDX-License-Identifier: Apache-2.0
"""CAA for real (RFC 8659, RFC 8657): which names an endpoint that looks at it issues for."""

import pytest

from client_scenarios import fresh_name
from support.acme_client import DnsProver


@pytest.fixture
def gateway(step_ca, new_gateway):
    gateway = new_gateway(step_ca)
    gateway.configuration["endpoints"] = {
        "acme": {"profiles": ["default"], "caa_identities": ["ca.internal"]},
        "blind": {"profiles": ["default"]},
    }
    return gateway.start()


def authorization_after(client, name, prover):
    order = client.order([name])
    (proven,) = client.prove(order.json(), prover)
    return proven


def assert_forbidden(client, name, prover, *words):
    proven = authorization_after(client, name, prover)
    error = client.challenge(proven, prover.kind)["error"]
    assert proven["status"] == "invalid" and error["type"].endswith(":caa"), proven
    for word in words:
        assert word in error["detail"], error


def test_the_directory_says_by_which_names(gateway):
    assert gateway.client().directory["meta"]["caaIdentities"] == ["ca.internal"]
    assert "caaIdentities" not in gateway.client(endpoint="blind").directory["meta"]


def test_without_records_and_with_ours(gateway, prover, name_server):
    client, free, ours = gateway.client(), fresh_name(), fresh_name()
    name_server.set_caa(ours, ("issue", f"ca.internal; accounturi={client.account}; validationmethods=http-01"))
    for name in (free, ours):
        assert client.issue([name], prover)
    (event,) = gateway.query(
        "SELECT detail FROM v_events WHERE kind = 'challenge.valid' AND names = ?", ours
    )
    assert "CAA" in event["detail"] and "allowed" in event["detail"]


@pytest.mark.check(38)
def test_with_anothers(gateway, prover, name_server):
    client, name = gateway.client(), fresh_name()
    name_server.set_caa(name, ("issue", "other.example"))
    assert_forbidden(client, name, prover, name, "other.example", "ca.internal")
    assert gateway.client(endpoint="blind").issue([name], prover)


def test_the_closest_records_count(gateway, prover, name_server):
    client, above = gateway.client(), fresh_name()
    name_server.set_caa(above, ("issue", ";"))
    assert_forbidden(client, f"a.b.{above}", prover, f"at {above}")
    name_server.set_caa(f"b.{above}", ("issue", "ca.internal"))
    assert client.issue([f"a.b.{above}"], prover)


def test_wildcards(gateway, name_server):
    client, name, prover = gateway.client(), fresh_name(), DnsProver(name_server)
    name_server.set_caa(name, ("issue", "ca.internal"), ("issuewild", ";"))
    assert_forbidden(client, f"*.{name}", prover, "issuewild")
    assert client.issue([name], prover)


def test_another_account_and_another_method(gateway, prover, name_server):
    client = gateway.client()
    for value in (f"ca.internal; accounturi={client.account}0", "ca.internal; validationmethods=dns-01"):
        name = fresh_name()
        name_server.set_caa(name, ("issue", value))
        assert_forbidden(client, name, prover, "ca.internal;")


def test_S13_malformed_records_allow_nobody(gateway, prover, name_server):
    client = gateway.client()
    for value in ("ca.internal; accounturi https://other", "ca.internal; validationmethods dns-01"):
        name = fresh_name()
        name_server.set_caa(name, ("issue", value))
        assert_forbidden(client, name, prover, value, "malformed")


def test_S16_every_record_is_read(gateway, prover, name_server):
    """That a record behind many others forbids stands in test_name_servers.py."""
    client, name = gateway.client(), fresh_name()
    name_server.set_caa(name, *[("issue", "other.example")] * 80, ("issue", "ca.internal"))
    assert client.issue([name], prover)
