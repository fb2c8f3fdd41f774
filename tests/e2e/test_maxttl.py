# SPDX-License-Identifier: Apache-2.0
"""How long certificates live: the profile's max_ttl holds, the CA's default stays a default."""

import datetime
import ssl

import pytest

from client_scenarios import fresh_name
from support import tools
from support.acme_client import HttpProver, Refused
from support.certificates import lifetime, read_chain

HOUR = datetime.timedelta(hours=1)
BACKDATE = datetime.timedelta(minutes=1)
SLACK = datetime.timedelta(seconds=60)


def rfc3339(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def utc_now():
    return datetime.datetime.utcnow().replace(microsecond=0)


@pytest.fixture
def ttl_gateway(new_gateway, step_ca, ca_proxy):
    """A gateway whose default profile has this max_ttl."""

    def make(max_ttl, ca=step_ca, **issuer):
        gateway = new_gateway(ca, **({"url": ca_proxy.url} if ca is step_ca else {}))
        gateway.configuration["profiles"]["default"]["max_ttl"] = max_ttl
        gateway.configuration["issuers"]["main"].update(issuer)
        return gateway.start()

    return make


def issue(gateway, responder, **members):
    """A certificate for a fresh name, and the time it was asked for."""
    client, prover = gateway.client(), HttpProver(responder(gateway))
    asked = utc_now()
    return client.issue([fresh_name()], prover, **members)[0], asked


def asked_of_ca(ca_proxy):
    """The body of the last /sign."""
    return ca_proxy.sent("sign")[-1].json()


def test_a_cap_below_the_ca_default_is_asked_for(ttl_gateway, responder, ca_proxy):
    certificate, asked = issue(ttl_gateway("1h"), responder)
    assert certificate.not_valid_after <= asked + HOUR + SLACK
    assert lifetime(certificate) > HOUR - SLACK
    assert asked_of_ca(ca_proxy)["notAfter"] and not asked_of_ca(ca_proxy).get("notBefore")


def test_a_cap_above_the_ca_default_leaves_the_default(ttl_gateway, responder, ca_proxy):
    certificate, _ = issue(ttl_gateway("72h"), responder)
    assert lifetime(certificate) == 24 * HOUR + BACKDATE
    assert not asked_of_ca(ca_proxy).get("notAfter")


def test_a_wish_below_the_cap_is_asked_for(ttl_gateway, responder, new_step_ca):
    ca = new_step_ca(claims={"maxTLSCertDuration": "240h", "defaultTLSCertDuration": "24h"})
    certificate, asked = issue(ttl_gateway("240h", ca, validity_days=3), responder)
    assert abs(certificate.not_valid_after - (asked + 72 * HOUR)) <= SLACK


def test_a_wish_above_the_ca_maximum_is_lowered_to_it_with_a_warning(ttl_gateway, responder, new_step_ca):
    ca = new_step_ca(claims={"maxTLSCertDuration": "36h", "defaultTLSCertDuration": "24h"})
    gateway = ttl_gateway("240h", ca, validity_days=5)
    certificate, asked = issue(gateway, responder)
    assert abs(certificate.not_valid_after - (asked + 36 * HOUR)) <= SLACK
    assert "validity_days" in gateway.process.output()


def test_the_profile_chosen_by_the_client_decides(new_gateway, step_ca, responder):
    gateway = new_gateway(step_ca)
    gateway.configuration["profiles"]["short"] = {"issuer": "main", "max_ttl": "30m"}
    gateway.configuration["endpoints"]["acme"]["profiles"] = ["default", "short"]
    gateway.start()
    certificate, asked = issue(gateway, responder, profile="short")
    assert certificate.not_valid_after <= asked + HOUR / 2 + SLACK
    assert set(gateway.client().directory["meta"]["profiles"]) == {"default", "short"}


@pytest.mark.check(31)
def test_an_end_within_the_cap_is_kept_to_the_second(ttl_gateway, responder):
    end = utc_now() + 2 * HOUR
    certificate, _ = issue(ttl_gateway("24h"), responder, notAfter=rfc3339(end))
    assert certificate.not_valid_after == end


@pytest.mark.check(31)
@pytest.mark.parametrize(
    "members",
    [
        pytest.param(lambda now: {"notAfter": rfc3339(now + 25 * HOUR)}, id="an end beyond the cap"),
        pytest.param(lambda now: {"notAfter": rfc3339(now - HOUR)}, id="an end in the past"),
        pytest.param(lambda now: {"notBefore": rfc3339(now + 48 * HOUR)}, id="a beginning far ahead"),
        pytest.param(lambda _: {"notAfter": "tomorrow"}, id="no time at all"),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused_at_once(current_site, members):
    client = current_site.gateway.client()
    with pytest.raises(Refused) as refused:
        client.order([fresh_name()], **members(utc_now()))
    assert refused.value.reply.status == 400 and refused.value.reply.problem == "malformed"
    assert "not" in refused.value.reply.detail


def test_an_end_below_a_minimum_that_the_ca_tells_is_refused_at_once(ttl_gateway, new_step_ca, responder):
    ca = new_step_ca(claims={"minTLSCertDuration": "10m"})
    gateway = ttl_gateway("24h", ca)
    issue(gateway, responder)
    with pytest.raises(Refused) as refused:
        gateway.client().order([fresh_name()], notAfter=rfc3339(utc_now() + 5 * BACKDATE))
    assert refused.value.reply.status == 400 and "10m at least" in refused.value.reply.detail


@pytest.mark.parametrize("version", tools.STEP_CA_VERSIONS)
def test_no_certificate_outlives_its_chain(ttl_gateway, new_step_ca, responder, version):
    """step-ca by itself would sign for a day below an intermediate that ends in eight hours."""
    ca = new_step_ca(version=version, valid_for=8 * HOUR)
    end = ca.issuing.certificate.not_valid_after
    gateway = ttl_gateway("24h", ca)
    chain = ssl.get_server_certificate(("127.0.0.1", gateway.port))
    assert end - 2 * SLACK <= read_chain(chain)[0].not_valid_after <= end
    client, prover = gateway.client(), HttpProver(responder(gateway))
    assert end - 2 * SLACK <= client.issue([fresh_name()], prover)[0].not_valid_after <= end
    wish = end - HOUR
    assert client.issue([fresh_name()], prover, notAfter=rfc3339(wish))[0].not_valid_after == wish
    with pytest.raises(Refused) as refused:
        client.order([fresh_name()], notAfter=rfc3339(end + HOUR))
    assert refused.value.reply.problem == "malformed"
