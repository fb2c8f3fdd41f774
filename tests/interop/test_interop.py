# SPDX-License-Identifier: Apache-2.0
"""The newest clients from elsewhere, for real: register, issue, renew, revoke, and what more each of them can."""

import pytest

from client_scenarios import fresh_name
from clients import AcmeSh, AcmeTiny, ApacheMd, Caddy, Dehydrated, NewestCertbot, go_library, python_acme
from support.certificates import names_of
from support.checks import assert_chains_to, same_key
from support.eab import add_shown_key
from support.waiting import wait_until


class Site:
    def __init__(self, ca, gateway):
        self.ca, self.gateway = ca, gateway

    def row(self, serial):
        (row,) = self.gateway.query("SELECT * FROM v_orders WHERE serial = ?", serial)
        return row

    def assert_issued(self, certificate, names, user_agent):
        row = self.row(f"{certificate.serial_number:x}")
        assert row["state"] == "valid" and sorted(row["names"].split(", ")) == sorted(names) == names_of(certificate)
        assert user_agent in row["user_agent"]
        return certificate


@pytest.fixture(scope="module")
def site(new_module_gateway, step_ca):
    gateway = new_module_gateway(step_ca)
    gateway.configuration["profiles"]["short"] = {"issuer": "main", "max_ttl": "1h"}
    gateway.configuration["endpoints"]["acme"] |= {"profiles": ["default", "short"], "eab": "optional"}
    return Site(step_ca, gateway.start())


@pytest.fixture
def make(site, tmp_path, name_server):
    return lambda kind: kind(site.gateway, tmp_path / "client", name_server)


@pytest.mark.parametrize("kind", [NewestCertbot, Dehydrated, AcmeSh, AcmeTiny])
def test_issue_and_renew(site, make, kind):
    client, names = make(kind), sorted([fresh_name(), fresh_name()])
    client.issue(names)
    first = site.assert_issued(client.chain(names[0])[0], names, client.user_agent)
    assert same_key(first, client.key(names[0]))
    assert_chains_to(client.chain(names[0]), site.ca.root.certificate)
    client.renew(names[0])
    second = site.assert_issued(client.chain(names[0])[0], names, client.user_agent)
    assert first.serial_number != second.serial_number


@pytest.mark.parametrize("kind", [NewestCertbot, Dehydrated, AcmeSh])
def test_revoke(site, make, kind):
    client, name = make(kind), fresh_name()
    client.issue([name])
    serial = client.chain(name)[0].serial_number
    client.revoke(name, "superseded")
    assert site.row(f"{serial:x}")["revocation"] == "confirmed by the CA" and serial in site.ca.revoked()


# ---- certbot ----


def test_certbot_with_an_external_account_key(site, make):
    client, (kid, mac) = make(NewestCertbot), add_shown_key(site.gateway)
    client.standalone("-d", fresh_name(), "--eab-kid", kid, "--eab-hmac-key", mac)
    assert site.gateway.query("SELECT uses FROM v_eab_keys WHERE kid = ?", kid) == [{"uses": 1}]


def test_certbot_by_profile(site, make):
    client, name = make(NewestCertbot), fresh_name()
    client.standalone("-d", name, "--required-profile", "short")
    certificate = client.chain(name)[0]
    assert (certificate.not_valid_after - certificate.not_valid_before).total_seconds() <= 3720
    assert site.row(f"{certificate.serial_number:x}")["profile"] == "short"


# docs/step-ca.md: certbot reads a common name as a DNS name.
NO_COMMON_NAME = '{"sans": {{ toJson .SANs }}, "keyUsage": ["digitalSignature"], "extKeyUsage": ["serverAuth", "clientAuth"]}'


def test_certbot_for_an_address(new_step_ca, new_gateway, tmp_path, name_server):
    ca = new_step_ca(template=NO_COMMON_NAME)
    client = NewestCertbot(new_gateway(ca).start(), tmp_path / "client", name_server)
    client.standalone("--ip-address", "127.0.0.1", "--cert-name", "address")
    first = client.chain("address")[0]
    client.renew("address")
    assert names_of(first) == names_of(client.chain("address")[0]) == ["127.0.0.1"]
    assert first.serial_number != client.chain("address")[0].serial_number


def test_certbot_renews_when_the_renewal_information_says_so(site, make):
    client, kept, lost = make(NewestCertbot), fresh_name(), fresh_name()
    for name in (kept, lost):
        client.issue([name])
    before = {name: client.chain(name)[0].serial_number for name in (kept, lost)}
    client.revoke(lost, "superseded")  # its window is in the past from then on
    client.call("renew", "--no-random-sleep-on-renew")
    after = {name: client.chain(name)[0].serial_number for name in (kept, lost)}
    assert after[kept] == before[kept] and after[lost] != before[lost]


# ---- servers ----


@pytest.mark.parametrize("bound", [False, True], ids=["open", "external account key"])
def test_caddy(site, tmp_path, bound):
    names = [fresh_name(), fresh_name()]
    with Caddy(site.gateway, tmp_path / "caddy", names, add_shown_key(site.gateway) if bound else None) as caddy:
        served = {name: caddy.certificate(name) for name in names}
    for name, certificate in served.items():
        site.assert_issued(certificate, [name], Caddy.user_agent)
    with caddy:
        assert caddy.certificate(names[0]) == served[names[0]]  # kept, not ordered again


def test_caddy_rides_through_an_outage(new_gateway, step_ca, ca_proxy, tmp_path):
    """Its renewal fails while the CA is away, and works afterwards; it goes on serving what it has."""
    gateway = new_gateway(step_ca, url=ca_proxy.url)
    gateway.configuration["finalize"] = {"give_up_after": "2s", "hold_reply": "1s"}
    gateway.start()
    name = fresh_name()
    with Caddy(gateway, tmp_path / "caddy", [name]) as caddy:
        first = caddy.certificate(name)
    ca_proxy.cut()
    with Caddy(gateway, tmp_path / "caddy", [name], renewing=True) as caddy:
        failed = "SELECT id FROM v_orders WHERE state = 'invalid' AND error LIKE '%did not sign within%'"
        wait_until(lambda: gateway.query(failed), "a renewal that fails", 60)
        assert caddy.certificate(name) == first
        ca_proxy.restore()
        wait_until(lambda: caddy.certificate(name) != first, "the renewal", 150)


def test_apache_with_mod_md(site, tmp_path):
    name = fresh_name()
    apache = ApacheMd(site.gateway, tmp_path / "apache", name)
    with apache:
        wait_until(apache.staged, "mod_md to have got its certificate", 60)
    with apache:
        site.assert_issued(apache.certificate(name), [name], ApacheMd.user_agent)


# ---- libraries ----

STEPS = {
    "lego": {"renewal information", "key change"},
    "acmez": {"renewal information", "key change"},
    "xcrypto": {"key change"},
}


def assert_steps(site, steps, names):
    for step in {"issue", "renew", "profile", "key change"} & set(steps):
        assert sorted(steps[step]["names"]) == names and steps[step]["chain"] == 2
    assert steps["address"]["names"] == ["127.0.0.1"]
    assert steps["profile"]["lifetime"] <= 3720 < steps["issue"]["lifetime"]
    assert steps.get("renewal information", {"inside": True})["inside"]
    assert site.row(steps["issue"]["serial"])["revocation"] == "confirmed by the CA"


@pytest.mark.parametrize("bound", [False, True], ids=["open", "external account key"])
@pytest.mark.parametrize("library", STEPS)
def test_go_libraries(site, library, bound):
    names = sorted([fresh_name(), fresh_name()])
    steps = go_library(site.gateway, library, names, add_shown_key(site.gateway) if bound else ("", ""), "short")
    assert set(steps) == {"register", "issue", "renew", "address", "profile", "revoke"} | STEPS[library]
    assert_steps(site, steps, names)
    (order,) = site.gateway.query("SELECT replaces FROM orders WHERE id = ?", site.row(steps["renew"]["serial"])["id"])
    assert (order["replaces"] is not None) == ("renewal information" in steps)


@pytest.mark.parametrize("bound", [False, True], ids=["open", "external account key"])
def test_python_acme(site, bound):
    names = sorted([fresh_name(), fresh_name()])
    steps = python_acme(site.gateway, names, add_shown_key(site.gateway) if bound else ("", ""), "short")
    assert set(steps) == {"register", "issue", "renewal information", "profile", "address", "deactivate", "revoke"}
    assert steps["deactivate"] == {"status": "deactivated"}
    assert_steps(site, steps, names)
