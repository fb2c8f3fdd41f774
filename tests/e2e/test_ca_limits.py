# SPDX-License-Identifier: Apache-2.0
"""What is known of a CA's lifetimes and from where: told by its claims, observed on certificates, learned from refusals, or
assumed. step-ca tells nobody the claims of its whole authority."""

import datetime
import json

import pytest

from client_scenarios import fresh_name
from support.acme_client import HttpProver
from support.admin import Admin
from support.ca_proxy import CaProxy
from support.certificates import key_pem, lifetime, new_csr, new_key, pem
from support.stepca_api import StepCaApiClient, chain_of
from support.waiting import wait_until

HOUR = datetime.timedelta(hours=1)
BACKDATE = datetime.timedelta(minutes=1)
SLACK = datetime.timedelta(seconds=60)


def claims(shortest="5m", longest="24h", usual="24h"):
    return {"minTLSCertDuration": shortest, "maxTLSCertDuration": longest, "defaultTLSCertDuration": usual}


@pytest.fixture
def new_site(new_gateway, new_step_ca, responder, tmp_path):
    """A CA with claims for its whole authority, and a gateway in front of it with this max_ttl and such an issuer."""
    proxies = []

    def make(authority_claims, max_ttl="24h", native=False, **issuer):
        ca = new_step_ca(authority={"claims": authority_claims})
        proxy = CaProxy(ca, tmp_path / f"proxy-{len(proxies)}")
        proxy.restore()
        proxies.append(proxy)
        gateway = new_gateway(ca, url=proxy.url)
        gateway.configuration["admin"] = {"socket": str(gateway.folder / "admin.sock")}
        gateway.configuration["profiles"]["default"]["max_ttl"] = max_ttl
        gateway.configuration["issuers"]["main"].update(issuer)
        gateway.configuration["tls"] = own_files(ca, gateway.folder)
        if native:
            gateway.configuration["stepca_api"] = {"profile": "default"}
        return Site(ca, proxy, gateway.start(), responder)

    yield make
    for proxy in proxies:
        proxy.cut()


def own_files(ca, folder):
    """The server's own certificate, so that nothing is learned from asking for it."""
    key, (cert_path, key_path) = new_key(), (folder / "own.crt", folder / "own.key")
    cert_path.write_bytes(pem(ca.issuing.issue(key.public_key(), ["localhost"])) + pem(ca.issuing.certificate))
    key_path.write_bytes(key_pem(key))
    key_path.chmod(0o600)
    return {"cert": str(cert_path), "key": str(key_path)}


class Site:
    def __init__(self, ca, proxy, gateway, responder):
        self.ca, self.proxy, self.gateway = ca, proxy, gateway
        self.prover = HttpProver(responder(gateway))
        self.admin = Admin.on_socket(gateway.configuration["admin"]["socket"])

    def issue(self, **members):
        return self.gateway.client().issue([fresh_name()], self.prover, **members)[0]

    def order_problem(self, **members):
        """Of an order that the CA refuses for good."""
        client, name = self.gateway.client(), fresh_name()
        order = client.ready_order([name], self.prover, **members)
        client.finalize(order, [name])
        reply = client.wait_while(order.location, "processing")
        assert reply["status"] == "invalid", reply
        return reply["error"]

    def rejected(self):
        return self.gateway.query("SELECT * FROM v_certificates WHERE rejected_because IS NOT NULL")

    def wait_revoked(self, serial):
        wait_until(lambda: int(serial, 16) in self.ca.revoked(), "the revocation")

    def limits(self):
        return self.admin.issuer()["limits"]


def test_C1_a_default_raised_above_max_ttl_loses_no_certificate(new_site):
    site = new_site(claims(longest="720h"))
    assert lifetime(site.issue()) == 24 * HOUR + BACKDATE
    site.ca.reconfigure(claims=claims(longest="720h", usual="720h"))
    for _ in range(3):
        assert lifetime(site.issue()) == 24 * HOUR + BACKDATE
    assert site.rejected() == []


def test_C1_a_default_that_comes_to_exceed_a_longer_max_ttl_loses_one_certificate_and_no_order(new_site):
    site = new_site(claims(longest="720h"), max_ttl="72h")
    assert lifetime(site.issue()) == 24 * HOUR + BACKDATE
    site.ca.reconfigure(claims=claims(longest="720h", usual="720h"))
    for _ in range(3):
        assert lifetime(site.issue()) == 72 * HOUR + BACKDATE
    (lost,) = site.rejected()
    site.wait_revoked(lost["serial"])
    shown = site.limits()
    assert shown["default_duration"] == "720h" and shown["sources"]["default_duration"]["source"] == "observed"
    # What is observed is forgotten when the CA contradicts it.
    site.ca.reconfigure(claims=claims(longest="48h", usual="8h"))
    for _ in range(2):
        assert lifetime(site.issue()) == 8 * HOUR + BACKDATE
    assert len(site.rejected()) == 1


def test_C2_a_maximum_below_max_ttl_costs_an_attempt_and_not_the_order(new_site):
    site = new_site(claims(longest="12h", usual="12h"), max_ttl="18h")
    assert lifetime(site.issue()) == 12 * HOUR + BACKDATE
    assert site.limits()["sources"]["max_duration"]["source"] == "learned"
    before = len(site.proxy.sent("sign"))
    assert lifetime(site.issue()) == 12 * HOUR + BACKDATE
    assert len(site.proxy.sent("sign")) == before + 1, "it was learned"


def test_C2_check_learns_what_the_ca_does_not_tell_and_leaves_no_certificate_behind(new_gateway, new_step_ca):
    for authority_claims, max_ttl, status, words in (
        (claims(longest="12h", usual="12h"), "18h", 0, "max_ttl is 18h, the CA's maximum 12h (learned from the CA's refusal)"),
        (claims(longest="720h"), "720h", 0, "max_ttl, 720h, is within the CA's limits"),
        (claims(shortest="2h"), "1h", 1, "the CA's minimum 2h (learned from the CA's refusal): nothing could be signed"),
    ):
        ca = new_step_ca(authority={"claims": authority_claims})
        gateway = new_gateway(ca)
        gateway.configuration["profiles"]["default"]["max_ttl"] = max_ttl
        ended, said, _ = gateway.run("check")
        assert ended == status and words in said, said
        assert signed(ca) == []


def signed(ca):
    """The CA's log lines of certificates that it made."""
    lines = [json.loads(line) for line in ca.log.read_text().splitlines() if line.startswith("{")]
    assert any(line.get("path") == "/1.0/sign" for line in lines)
    return [line for line in lines if line.get("path") == "/1.0/sign" and line["status"] == 201]


def test_C2_a_minimum_above_max_ttl_is_the_operators_to_mend(new_site):
    site = new_site(claims(shortest="2h"), max_ttl="1h")
    for _ in range(2):
        problem = site.order_problem()
        assert problem["type"].endswith("serverInternal"), problem
        assert "2h0m0s" in problem["detail"] and "max_ttl" in problem["detail"]
    site.ca.reconfigure(claims=claims())
    assert lifetime(site.issue()) == HOUR + BACKDATE, "nobody is refused for what was learned"


def test_C3_a_wish_within_what_the_authority_grants_is_met(new_site):
    site = new_site(claims(longest="2160h"), max_ttl="2160h", validity_days=20)
    assert lifetime(site.issue()) == 480 * HOUR + BACKDATE
    assert "validity_days" not in site.gateway.process.output()
    end = datetime.datetime.utcnow().replace(microsecond=0) + datetime.timedelta(days=25)
    assert site.issue(notAfter=end.strftime("%Y-%m-%dT%H:%M:%SZ")).not_valid_after == end


def test_C3_an_end_that_the_ca_does_not_grant_is_its_own_refusal(new_site):
    site = new_site(claims(longest="12h", usual="12h"), max_ttl="2160h")
    end = datetime.datetime.utcnow() + datetime.timedelta(days=20)
    problem = site.order_problem(notAfter=end.strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert problem["type"].endswith("malformed") and "12h1m0s" in problem["detail"] and "notAfter" in problem["detail"]


def test_C2_acmegate_sign_asks_again(new_site, tmp_path):
    site = new_site(claims(longest="12h", usual="12h"), max_ttl="18h")
    path = tmp_path / "request.csr"
    path.write_bytes(pem(new_csr(new_key(), [fresh_name()])))
    status, said, words = site.gateway.run("sign", path, "--profile", "default")
    assert status == 0 and "BEGIN CERTIFICATE" in said, words
    kinds = [row["kind"] for row in site.gateway.query("SELECT kind FROM events WHERE kind LIKE 'sign.%' ORDER BY id")]
    assert kinds == ["sign.requested", "sign.refused", "sign.requested", "sign.issued"]


def test_C2_native_sign_learns_for_the_next_token(new_site):
    site = new_site(claims(longest="12h", usual="12h"), max_ttl="18h", native=True)
    native = StepCaApiClient(site.gateway, site.ca)
    refused = native.sign([fresh_name()])
    assert refused.status == 403 and "12h1m0s" in refused.json()["message"], refused
    assert lifetime(chain_of(native.sign([fresh_name()]))[0]) == 12 * HOUR + BACKDATE


def test_C1_native_sign_asks_for_the_cap(new_site):
    site = new_site(claims(longest="720h"), native=True)
    native = StepCaApiClient(site.gateway, site.ca)
    assert lifetime(chain_of(native.sign([fresh_name()]))[0]) == 24 * HOUR + BACKDATE
    site.ca.reconfigure(claims=claims(longest="720h", usual="720h"))
    assert lifetime(chain_of(native.sign([fresh_name()]))[0]) == 24 * HOUR + BACKDATE
    assert site.rejected() == []


@pytest.mark.parametrize("backdate", ["0s", "10m", "1h"])
def test_C4_a_lifetime_counts_from_the_signing(new_gateway, new_step_ca, backdate):
    ca = new_step_ca(authority={"backdate": backdate})
    gateway = new_gateway(ca)
    gateway.configuration["stepca_api"] = {"profile": "default"}
    native, key = StepCaApiClient(gateway.start(), ca), new_key()
    chain = chain_of(native.sign([fresh_name()], key=key))
    renewed = chain_of(native.renew(key, chain))
    assert lifetime(renewed[0]) == lifetime(chain[0])
    assert renewed[0].serial_number != chain[0].serial_number


def test_sources_are_shown(new_site):
    site = new_site(claims())
    shown = site.limits()
    assert shown["max_duration"] == "24h" and shown["sources"]["max_duration"] == {"source": "assumed"}
    site.issue()
    shown = site.limits()
    assert shown["sources"]["backdate"]["source"] == "observed" and shown["backdate"] == "1m"
