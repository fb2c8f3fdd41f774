# SPDX-License-Identifier: Apache-2.0
"""dns-account-01 and dns-persist-01 for real, and what is told when the record is not there or another."""

import pytest

from client_scenarios import fresh_name
from support.acme_client import DnsAccountProver, DnsPersistProver
from support.certificates import names_of


@pytest.fixture
def gateway(step_ca, new_gateway):
    gateway = new_gateway(step_ca)
    every = ["http-01", "dns-01", "tls-alpn-01", "dns-account-01", "dns-persist-01"]
    gateway.configuration["endpoints"] = {
        "acme": {"profiles": ["default"], "challenges": every, "issuer_domain_names": ["ca.internal", "acme.internal"]},
        "caa": {"profiles": ["default"], "challenges": ["dns-persist-01"], "caa_identities": ["caa.internal"]},
    }
    gateway.configuration["alternate_names"] = [f"127.0.0.1:{gateway.port}"]
    return gateway.start()


def challenges_of(client, order):
    return client.get(order.json()["authorizations"][0])["challenges"]


@pytest.mark.check(34, 40)
def test_what_is_offered_and_in_which_order(gateway):
    client = gateway.client()
    for name in (fresh_name(), f"*.{fresh_name()}"):
        challenges = challenges_of(client, client.order([name]))
        kinds = [one["type"] for one in challenges]
        dns = ["dns-01", "dns-account-01", "dns-persist-01"]
        assert kinds == (dns if name[0] == "*" else ["http-01", "dns-01", "tls-alpn-01", *dns[1:]])
        persist = challenges[-1]
        assert persist["accounturi"] == client.account and persist["issuer-domain-names"] == ["ca.internal", "acme.internal"]
        assert "token" not in persist and all("token" in one for one in challenges[:-1])


def provers(name_server):
    return {
        "dns-account-01": DnsAccountProver(name_server),
        "dns-persist-01": DnsPersistProver(name_server, "acme.internal", "; policy=wildcard"),
    }


@pytest.mark.check(40)
@pytest.mark.parametrize("kind", ["dns-account-01", "dns-persist-01"])
@pytest.mark.parametrize("wildcard", [False, True])
def test_issued(gateway, name_server, kind, wildcard):
    name = ("*." if wildcard else "") + fresh_name()
    chain = gateway.client().issue([name], provers(name_server)[kind])
    assert names_of(chain[0]) == [name]


def test_a_record_that_persists_serves_again(gateway, name_server):
    client, name = gateway.client(), fresh_name()
    client.issue([name], DnsPersistProver(name_server, "ca.internal"))
    order = client.order([name])
    challenge = challenges_of(client, order)[-1]
    assert client.post(challenge["url"], {}).json()["status"] in ("processing", "valid")
    assert client.wait_while(order.location, "pending")["status"] == "ready"


@pytest.mark.parametrize("kind", ["dns-account-01", "dns-persist-01"])
def test_an_account_that_came_by_an_alternate_name(gateway, name_server, kind):
    client = gateway.client(host="127.0.0.1")
    assert client.account.startswith(f"https://127.0.0.1:{gateway.port}/")
    name = fresh_name()
    assert names_of(client.issue([name], provers(name_server)[kind])[0]) == [name]


def test_the_names_of_caa_serve_where_no_others_are_given(gateway, name_server):
    client, name = gateway.client(endpoint="caa"), fresh_name()
    assert names_of(client.issue([name], DnsPersistProver(name_server, "caa.internal"))[0]) == [name]


class Another:
    """Leaves another record than the one that is needed, or none."""

    def __init__(self, name_server, kind, record):
        self.name_server, self.kind, self.record = name_server, kind, record

    def prepare(self, client, name, _token):
        if self.record is not None:
            self.name_server.set_txt(f"_validation-persist.{name}", self.record.format(account=client.account))


@pytest.mark.check(38, 40)
@pytest.mark.parametrize(
    "kind, record, problem, words",
    [
        ("dns-account-01", None, "dns", "._acme-challenge."),
        ("dns-persist-01", None, "dns", "_validation-persist."),
        ("dns-persist-01", "other.internal; accounturi={account}", "incorrectResponse", "another issuer"),
        ("dns-persist-01", "ca.internal; accounturi={account}9", "incorrectResponse", "another account"),
        ("dns-persist-01", "ca.internal; accounturi={account}; persistUntil=1", "incorrectResponse", "has passed"),
    ],
)
def test_refused(gateway, name_server, kind, record, problem, words):
    client, name = gateway.client(), fresh_name()
    (proven,) = client.prove(client.order([name]).json(), Another(name_server, kind, record))
    error = client.challenge(proven, kind)["error"]
    assert proven["status"] == "invalid" and error["type"].endswith(f":{problem}"), proven
    assert words in error["detail"] and name in error["detail"], error


def test_a_wildcard_needs_a_record_that_says_so(gateway, name_server):
    client, name = gateway.client(), fresh_name()
    (proven,) = client.prove(client.order([f"*.{name}"]).json(), DnsPersistProver(name_server, "ca.internal"))
    assert proven["status"] == "invalid"
    assert "policy=wildcard" in client.challenge(proven, "dns-persist-01")["error"]["detail"]


def test_persistent_records_need_a_name_for_this_server(step_ca, new_gateway):
    gateway = new_gateway(step_ca)
    gateway.configuration["endpoints"]["acme"]["challenges"] = ["dns-persist-01"]
    code, _, errors = gateway.run("config", "show")
    assert code != 0 and "endpoints.acme.issuer_domain_names" in errors
