# SPDX-License-Identifier: Apache-2.0
"""Finalize: which CSRs an order takes, in which state, and what the client and the events are told."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID, ObjectIdentifier

from client_scenarios import fresh_name
from support.acme_client import HttpProver
from support.certificates import der, names_of, new_csr, new_key
from support.checks import same_key
from support.jose import b64
from support.step_ca import PROVISIONER


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
    for said in (f"its common name {first} is not in its subjectAltName", "add the common name to it", "still ready"):
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


@pytest.fixture
def local_gateway(new_gateway, step_ca, tmp_path):
    """Its profile is a local CA's."""
    gateway = new_gateway(step_ca)
    gateway.configuration["issuers"]["local"] = {
        "type": "local", "directory": str(tmp_path / "local"), "permitted_names": ["internal"]
    }
    gateway.configuration["profiles"]["local"] = {"issuer": "local", "max_ttl": "24h"}
    gateway.configuration["endpoints"]["acme"]["profiles"] = ["local"]
    return gateway.start()


@pytest.mark.check(44)
def test_P3_the_local_ca_signs_it(local_gateway, responder):
    client, names = local_gateway.client(), [fresh_name(), fresh_name()]
    order = client.ready_order(names, HttpProver(responder(local_gateway)))
    assert finalize(client, order, csr_of(new_key(), names[1:], names[0])).json()["status"] == "valid"
    assert names_of(client.certificate(order.location)[0]) == sorted(names)


# ---- what the CA does otherwise stands in the events ----


def csr_with(names, *extensions):
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    builder = builder.add_extension(x509.SubjectAlternativeName(map(x509.DNSName, names)), critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return b64(der(builder.sign(new_key(), hashes.SHA256())))


def issue(gateway, prover, names, csr):
    """(leaf, what the event says)."""
    client = gateway.client()
    order = client.ready_order(names, prover)
    assert finalize(client, order, csr).json()["status"] == "valid", client.get(order.location)
    (event,) = gateway.query(
        "SELECT detail FROM v_events WHERE kind = 'order.valid' AND order_id = ?", order.location.rsplit("/", 1)[1])
    return client.certificate(order.location)[0], event["detail"]


def dns_names(leaf):
    return leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)


MUST_STAPLE = x509.TLSFeature([x509.TLSFeatureType.status_request])
UNKNOWN = [x509.UnrecognizedExtension(ObjectIdentifier(f"1.3.6.1.4.1.99999.{i}"), b"\x05\x00") for i in range(6)]


def test_P12_a_csr_as_usual_needs_no_words(site, responder):
    prover = HttpProver(responder(site.gateway))
    name = fresh_name()
    basic = x509.BasicConstraints(ca=False, path_length=None)
    _, said = issue(site.gateway, prover, [name], csr_with([name], basic))
    assert said is None


def test_P12_names_that_a_csr_repeats(site, responder):
    """step-ca's set of names tells spellings apart, so it signs each of them once."""
    prover = HttpProver(responder(site.gateway))
    name = fresh_name()
    leaf, said = issue(site.gateway, prover, [name], csr_with([name, name]))
    assert dns_names(leaf) == [name] and said == f"the CSR names {name} 2 times, the certificate 1"
    other = name.upper()
    leaf, said = issue(site.gateway, prover, [name], csr_with([name, name, other]))
    assert dns_names(leaf) == [name, other] and said == f"the CSR names {name} 3 times, the certificate 2"


def test_P12_the_local_ca_signs_each_name_once(local_gateway, responder):
    prover = HttpProver(responder(local_gateway))
    name = fresh_name()
    leaf, said = issue(local_gateway, prover, [name], csr_with([name, name, name.upper()]))
    assert dns_names(leaf) == [name] and said == f"the CSR names {name} 3 times, the certificate 1"


def test_P12_extensions_that_the_ca_leaves_out(site, responder):
    prover = HttpProver(responder(site.gateway))
    name = fresh_name()
    _, said = issue(site.gateway, prover, [name], csr_with([name], MUST_STAPLE))
    assert said == "the CSR asks for must-staple (TLS feature), the certificate lacks it"
    _, said = issue(site.gateway, prover, [name], csr_with([name], *UNKNOWN))
    assert said.count("lacks it") == 4 and "1.3.6.1.4.1.99999.0" in said, said


STAPLE_TEMPLATE = """{
  "subject": {{ toJson .Subject }}, "sans": {{ toJson .SANs }}, "keyUsage": ["digitalSignature"],
  "extKeyUsage": ["serverAuth", "clientAuth"], "extensions": [{"id": "1.3.6.1.5.5.7.1.24", "value": "MAMCAQU="}]
}"""
NO_SUBJECT_TEMPLATE = """{
  "sans": {{ toJson .SANs }}, "keyUsage": ["digitalSignature"], "extKeyUsage": ["serverAuth", "clientAuth"]
}"""


def test_P12_must_staple_where_the_ca_gives_it(new_step_ca, new_gateway, responder):
    gateway = new_gateway(new_step_ca(templates={PROVISIONER: STAPLE_TEMPLATE})).start()
    name = fresh_name()
    leaf, said = issue(gateway, HttpProver(responder(gateway)), [name], csr_with([name], MUST_STAPLE))
    assert leaf.extensions.get_extension_for_class(x509.TLSFeature).value == MUST_STAPLE and said is None


def common_names(leaf):
    return [one.value for one in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]


def long_name():
    return f"{'a' * 60}.{fresh_name()}"


def test_P12_a_common_name_of_more_than_64_characters(site, new_step_ca, new_gateway, local_gateway, responder):
    """step-ca's default template makes one of the token's subject, which cannot be empty."""
    prover = HttpProver(responder(site.gateway))
    name = long_name()
    leaf, said = issue(site.gateway, prover, [name], csr_with([name]))
    assert common_names(leaf) == [name]
    assert said.startswith(f"the certificate's common name has {len(name)} octets, RFC 5280 allows 64 characters"), said
    short = fresh_name()
    leaf, said = issue(site.gateway, prover, [name, short], csr_with([name, short]))
    assert common_names(leaf) == [short] and said is None
    bare = new_gateway(new_step_ca(templates={PROVISIONER: NO_SUBJECT_TEMPLATE})).start()
    for gateway in (bare, local_gateway):
        name = long_name()
        leaf, said = issue(gateway, HttpProver(responder(gateway)), [name], csr_with([name]))
        assert common_names(leaf) == [] and said is None


@pytest.mark.check(28)
@pytest.mark.parametrize("name, said", [
    ("a.123", "its last label is a number"),
    ("192.0.2.1", "it is an IP address: use type"),
    ("0x7f.1", "resolvers read it as an IPv4 address"),
])
def test_P12_names_that_end_in_a_number(client, name, said):
    reply = client.post(client.directory["newOrder"], {"identifiers": [{"type": "dns", "value": name}]})
    assert (reply.status, reply.problem) == (400, "malformed") and said in reply.detail, reply


@pytest.mark.check(28)
def test_P12_underscores_in_private_zones(new_step_ca, new_gateway, responder, name_server):
    """Off by default; a zone that the endpoint lists may have them."""
    gateway = new_gateway(new_step_ca())
    gateway.configuration["endpoints"]["acme"]["names"] = {"underscores": ["*.svc.internal"]}
    gateway.configuration["endpoints"]["plain"] = {"profiles": ["default"], "authorization_lifetime": "1h"}
    prover = HttpProver(responder(gateway.start()))
    name = f"a_b.{fresh_name()[:12]}.svc.internal"
    leaf, said = issue(gateway, prover, [name], csr_with([name]))
    assert dns_names(leaf) == [name] and said is None
    for client, name in ((gateway.client(), "a_b.internal"), (gateway.client(endpoint="plain"), name)):
        for url, payload in (("newOrder", "identifiers"), ("newAuthz", "identifier")):
            if url not in client.directory:
                continue
            identifier = {"type": "dns", "value": name}
            reply = client.post(client.directory[url], {payload: [identifier] if url == "newOrder" else identifier})
            assert (reply.status, reply.problem) == (400, "malformed") and "names.underscores" in reply.detail, reply
